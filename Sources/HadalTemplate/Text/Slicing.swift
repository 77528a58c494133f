/// Python's slices and indices over text, lists, tuples and ranges.
enum Slicing {
    /// The indices that `start:stop:step` picks from a sequence of `count` items.
    static func indices(_ count: Int, _ start: Int?, _ stop: Int?, _ step: Int?) throws -> (first: Int, step: Int, count: Int) {
        let step = step ?? 1
        if step == 0 { throw TemplateError.runtime("slice step cannot be zero") }
        func clamp(_ index: Int, _ low: Int, _ high: Int) -> Int {
            let shifted = index < 0 ? max(index, -count - 1) + count : index
            return min(max(shifted, low), high)
        }
        let (low, high) = step > 0 ? (0, count) : (-1, count - 1)
        let first = start.map { clamp($0, low, high) } ?? (step > 0 ? low : high)
        let end = stop.map { clamp($0, low, high) } ?? (step > 0 ? high : low)
        let span = step > 0 ? end - first : first - end
        guard span > 0 else { return (first, step, 0) }
        let size = step.magnitude
        return (first, step, Int((UInt(span) - 1) / size) + 1)
    }

    private static func pick<T>(_ items: [T], _ start: Int?, _ stop: Int?, _ step: Int?) throws -> [T] {
        let (first, step, count) = try indices(items.count, start, stop, step)
        if step == 1 { return Array(items[first..<first + count]) }
        return (0..<count).map { items[first + $0 * step] }
    }

    static func slice(_ value: TemplateValue, _ start: Int?, _ stop: Int?, _ step: Int?, _ run: TemplateRun) throws -> TemplateValue {
        switch value {
        case .string(let s), .markup(let s):
            try run.charge(bytes: s.utf8.count)
            let text = try slice(s, start, stop, step)
            return value.isMarkup ? .markup(text) : .string(text)
        case .list(let list):
            try run.charge(list.items.count)
            return .list(try pick(list.items, start, stop, step))
        case .undefined(let why): throw why.error
        case .object(let range as TemplateRange):
            let (first, stride, count) = try indices(range.length, start, stop, step)
            let begin = range.start &+ first &* range.step
            let by = range.step.multipliedReportingOverflow(by: stride)
            let end = begin.addingReportingOverflow(by.partialValue.multipliedReportingOverflow(by: count).partialValue)
            if by.overflow || end.overflow { throw TemplateError.runtime("an index does not fit 64 bits") }
            return .object(TemplateRange(start: begin, stop: end.partialValue, step: by.partialValue, length: count))
        default:
            if let items = value.tupleItems {
                try run.charge(items.count)
                return .tuple(try pick(items, start, stop, step))
            }
            throw TemplateError.type("'\(value.typeName)' object is not subscriptable with a slice")
        }
    }

    static func slice(_ text: String, _ start: Int?, _ stop: Int?, _ step: Int?) throws -> String {
        if PythonText.isASCII(text) { return String(decoding: try pick(Array(text.utf8), start, stop, step), as: UTF8.self) }
        var out = String.UnicodeScalarView()
        out.append(contentsOf: try pick(Array(text.unicodeScalars), start, stop, step))
        return String(out)
    }

    /// The code point at an index, which may count from the end.
    static func character(_ index: Int, of text: String) -> String? {
        let count = PythonText.length(text)
        let at = index < 0 ? index + count : index
        guard at >= 0, at < count else { return nil }
        if count == text.utf8.count {
            return String(UnicodeScalar(text.utf8[text.utf8.index(text.utf8.startIndex, offsetBy: at)]))
        }
        return String(text.unicodeScalars[text.unicodeScalars.index(text.unicodeScalars.startIndex, offsetBy: at)])
    }
}
