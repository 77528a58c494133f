package import HadalCore

/// What the check of a kernel found.
public struct KernelCheck: Sendable, Equatable {
    /// Cases that ran.
    public var cases: Int
    /// Why it must not be used; nil: it may.
    public var fault: String?

    public init(cases: Int, fault: String? = nil) {
        self.cases = cases
        self.fault = fault
    }

    /// As one line of JSON, which `init(parsing:)` reads.
    public var text: String { json.text() }

    package var json: JSON {
        var object = JSONObject()
        object["cases"] = JSON(.int(Int64(cases)))
        object["fault"] = fault.map { JSON(.string($0)) } ?? .null
        return JSON(.object(object))
    }

    /// Reads what `text` gave.
    public init(parsing text: String) throws {
        let root = try JSONDocument(parsing: text, file: "verdict").root
        guard let cases = root["cases"]?.int else { throw HadalError(.malformed, "a verdict without 'cases'") }
        self.init(cases: cases, fault: root["fault"]?.string)
    }
}
