import ArgumentParser
import Hadal
import HadalCore

/// How options read numbers. Each says what it takes: "must be 0 or more, not -2".
enum NumberOption {
    /// An integer, or -1 for none in particular.
    struct OptionalInteger: Sendable, Equatable {
        /// nil for -1.
        var value: Int?
    }

    static func integer(_ range: PartialRangeFrom<Int>) -> @Sendable (String) throws -> Int {
        { try integer($0, range.lowerBound...Int.max, "\(range.lowerBound) or more") }
    }

    static func integer(_ range: ClosedRange<Int>) -> @Sendable (String) throws -> Int {
        { try integer($0, range, "between \(range.lowerBound) and \(range.upperBound)") }
    }

    /// - Parameter meaning: what -1 stands for.
    static func integer(_ range: PartialRangeFrom<Int>, orMinusOne meaning: String) -> @Sendable (String) throws -> OptionalInteger {
        optional(range.lowerBound...Int.max, "\(range.lowerBound) or more", meaning)
    }

    static func integer(_ range: ClosedRange<Int>, orMinusOne meaning: String) -> @Sendable (String) throws -> OptionalInteger {
        optional(range, "between \(range.lowerBound) and \(range.upperBound)", meaning)
    }

    /// The seed of random numbers; -1 draws one.
    @Sendable static func seed(_ text: String) throws -> UInt64 {
        if Int(text) == -1 { return UInt64.random(in: 0...UInt64(Int64.max)) }
        if let value = UInt64(text) { return value }
        throw refusal(text, isNumber: text.first == "-" && UInt64(text.dropFirst()) != nil, "an integer", "0 or more", "a random one")
    }

    static func number(atLeast least: Double) -> @Sendable (String) throws -> Double {
        { try number($0, "\(plain(least)) or more") { $0 >= least } }
    }

    static func number(_ range: ClosedRange<Double>) -> @Sendable (String) throws -> Double {
        { try number($0, "between \(plain(range.lowerBound)) and \(plain(range.upperBound))", range.contains) }
    }

    static func number(above least: Double, atMost most: Double = .infinity) -> @Sendable (String) throws -> Double {
        let bounds = "above \(plain(least))" + (most.isFinite ? " and at most \(plain(most))" : "")
        return { try number($0, bounds) { $0 > least && $0 <= most } }
    }

    /// Any number but infinity.
    @Sendable static func number(_ text: String) throws -> Double { try number(text, "a finite number") { _ in true } }

    static func bytes(atLeast least: Int) -> @Sendable (String) throws -> ByteCount {
        { text in
            if let count = ByteCount(text), count.bytes >= least { return count }
            throw refusal(text, isNumber: Double(text) != nil, "a number of bytes such as 512MiB or 2GiB", "\(least) or more")
        }
    }

    private static func optional(_ range: ClosedRange<Int>, _ bounds: String, _ meaning: String)
        -> @Sendable (String) throws -> OptionalInteger
    {
        { text in Int(text) == -1 ? OptionalInteger(value: nil) : OptionalInteger(value: try integer(text, range, bounds, meaning)) }
    }

    private static func integer(_ text: String, _ range: ClosedRange<Int>, _ bounds: String, _ minusOne: String? = nil) throws -> Int {
        if let value = Int(text), range.contains(value) { return value }
        let digits = text.drop { $0 == "-" || $0 == "+" }
        throw refusal(text, isNumber: !digits.isEmpty && digits.allSatisfy { ("0"..."9").contains($0) }, "an integer", bounds, minusOne)
    }

    private static func number(_ text: String, _ bounds: String, _ isGood: (Double) -> Bool) throws -> Double {
        let value = Double(text)
        if let value, value.isFinite, isGood(value) { return value }
        throw refusal(text, isNumber: value != nil, "a number", bounds)
    }

    private static func refusal(_ text: String, isNumber: Bool, _ kind: String, _ bounds: String, _ minusOne: String? = nil)
        -> ValidationError
    {
        guard isNumber else { return ValidationError("must be \(kind), not '\(text)'") }
        return ValidationError("must be \(bounds), not \(text)" + (minusOne.map { " (-1: \($0))" } ?? ""))
    }

    private static func plain(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}

extension Option {
    /// An option with a default, which its help shows: the parser does not do that for options that are read by a closure.
    init(
        wrappedValue: Value, name: NameSpecification = .long, help: ArgumentHelp, reading read: @Sendable @escaping (String) throws -> Value
    ) {
        var help = help
        help.abstract += " (default: \(wrappedValue))"
        self.init(wrappedValue: wrappedValue, name: name, help: help, transform: read)
    }
}
