/// `range(…)`
final class TemplateRange: TemplateObject {
    let start: Int
    let stop: Int
    let step: Int
    let length: Int
    init(start: Int, stop: Int, step: Int, length: Int) {
        self.start = start
        self.stop = stop
        self.step = step
        self.length = length
    }

    /// nil for a zero step or numbers too far apart to count.
    convenience init?(from start: Int, to end: Int, by step: Int) {
        guard step != 0 else { return nil }
        if step > 0 ? start >= end : start <= end {
            self.init(start: start, stop: end, step: step, length: 0)
            return
        }
        let span = step > 0 ? end.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(end)
        guard !span.overflow, step != Int.min else { return nil }
        self.init(start: start, stop: end, step: step, length: (span.partialValue - 1) / abs(step) + 1)
    }

    /// An item within `0..<length`; it lies between the ends, so it does not overflow.
    subscript(at: Int) -> Int { start &+ at &* step }

    override var typeName: String { "range" }
    override var text: String {
        step == 1 ? "range(\(start), \(stop))" : "range(\(start), \(stop), \(step))"
    }
    override var isTrue: Bool { length > 0 }
    override var isIterable: Bool { true }
    override func makeIterator(_ run: TemplateRun) throws -> TemplateIterator? {
        var at = 0
        return TemplateIterator {
            guard at < self.length else { return nil }
            defer { at += 1 }
            return .int(self[at])
        }
    }
    override func count() throws -> Int? { length }
    override var isSequence: Bool { true }
    override func attribute(_ name: String) -> TemplateValue? {
        switch name {
        case "start": .int(start)
        case "stop": .int(stop)
        case "step": .int(step)
        default: nil
        }
    }
    override func item(_ key: TemplateValue) throws -> TemplateValue? {
        guard let index = key.index else { return nil }
        let at = index < 0 ? index + length : index
        return at >= 0 && at < length ? .int(self[at]) : nil
    }
    override func equals(_ other: TemplateObject) throws -> Bool {
        guard let other = other as? TemplateRange, length == other.length else { return false }
        return length == 0 || (start == other.start && (length == 1 || step == other.step))
    }
    override func contains(_ value: TemplateValue) throws -> Bool? {
        guard let number = value.number else { return false }
        guard let wanted = value.index ?? Int(exactly: number) else { return false }
        for at in 0..<length where self[at] == wanted { return true }
        return false
    }
}
