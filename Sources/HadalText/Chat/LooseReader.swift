import HadalCore
import HadalTemplate

/// Reads values that models write in other ways than JSON: Python's literals and calls, and objects with bare keys.
///
/// A text may end anywhere: `incomplete` says that more could make it whole.
struct LooseReader {
    enum Stop: Error { case incomplete, malformed }

    private let bytes: [UInt8]
    private(set) var at: Int
    /// Marks around a string besides quotation marks; empty: none.
    private let mark: [UInt8]
    /// What may follow although a bracket is still open: the end is taken for a bracket that was left out.
    private let closers: [[UInt8]]
    /// Nothing follows the text, and its end counts as a closer.
    private let endCloses: Bool
    private var depth = 0
    private static let maximumDepth = 200

    init(_ bytes: [UInt8], at start: Int, mark: [UInt8] = [], closers: [[UInt8]] = [], endCloses: Bool = false) {
        self.bytes = bytes
        at = start
        self.mark = mark
        self.closers = closers
        self.endCloses = endCloses
    }

    // MARK: Calls

    /// `f(a=1)`, several of them with commas or line ends between, or a list of them.
    mutating func calls(offered: OfferedTools) throws(Stop) -> [(name: String, arguments: JSONObject)] {
        skipSpace()
        let isList = try peek() == UInt8(ascii: "[")
        if isList { at += 1 }
        var found: [(name: String, arguments: JSONObject)] = []
        while true {
            skipSpace()
            if isList, !found.isEmpty || at < bytes.count, try closes(UInt8(ascii: "]")) { break }
            let name = try callName()
            at += 1
            found.append((name, try keywords(of: name, offered: offered)))
            if isList {
                try separate(UInt8(ascii: "]"))
            } else {
                let end = at
                skipSpace()
                if at < bytes.count, bytes[at] == UInt8(ascii: ",") { at += 1; skipSpace() }
                guard at < bytes.count, Self.isNameStart(bytes[at]) else { at = end; break }
            }
        }
        if found.isEmpty { throw .malformed }
        return found
    }

    /// The name before a parenthesis.
    private mutating func callName() throws(Stop) -> String {
        let start = at
        while at < bytes.count, Self.isNameStart(bytes[at]) || (at > start && Self.isNamePart(bytes[at])) { at += 1 }
        guard at < bytes.count else { throw .incomplete }
        guard at > start, bytes[at] == UInt8(ascii: "(") else { throw .malformed }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    /// `a=1, b="x")`, from behind the opening parenthesis on. Values without a name get those of the tool's parameters, in order.
    mutating func keywords(of tool: String, offered: OfferedTools) throws(Stop) -> JSONObject {
        var arguments = JSONObject()
        var position = 0
        while true {
            skipSpace()
            if try closes(UInt8(ascii: ")")) { return arguments }
            let start = at
            while at < bytes.count, Self.isNamePart(bytes[at]) { at += 1 }
            let key = String(decoding: bytes[start..<at], as: UTF8.self)
            skipSpace()
            if at == bytes.count, !endCloses { throw .incomplete }
            if !key.isEmpty, at < bytes.count, bytes[at] == UInt8(ascii: "=") {
                at += 1
                arguments[key] = try value()
            } else {
                at = start
                guard let name = offered.parameter(position, of: tool) else { throw .malformed }
                arguments[name] = try value()
                position += 1
            }
            try separate(UInt8(ascii: ")"))
        }
    }

    // MARK: Values

    /// `{key: value, …}`, its keys bare or in quotes.
    mutating func object() throws(Stop) -> JSONObject {
        guard try peek() == UInt8(ascii: "{") else { throw .malformed }
        at += 1
        var object = JSONObject()
        while true {
            skipSpace()
            if try closes(UInt8(ascii: "}")) { return object }
            object[try key()] = try value()
            try separate(UInt8(ascii: "}"))
        }
    }

    private mutating func key() throws(Stop) -> String {
        let key: String
        if let text = try string() {
            key = text
        } else {
            let start = at
            while at < bytes.count, !Self.endsKey(bytes[at]) { at += 1 }
            if at == bytes.count { throw .incomplete }
            key = String(decoding: bytes[start..<at].filter { !ToolCallMatcher.isSpace($0) }, as: UTF8.self)
        }
        skipSpace()
        guard try peek() == UInt8(ascii: ":"), !key.isEmpty else { throw .malformed }
        at += 1
        return key
    }

    mutating func value() throws(Stop) -> JSON {
        guard depth < Self.maximumDepth else { throw .malformed }
        depth += 1
        defer { depth -= 1 }
        skipSpace()
        if let text = try string() { return JSON(.string(text)) }
        switch try peek() {
        case UInt8(ascii: "{"): return JSON(.object(try object()))
        case UInt8(ascii: "["): return JSON(.array(try items(UInt8(ascii: "]"))))
        case UInt8(ascii: "("): return JSON(.array(try items(UInt8(ascii: ")"))))
        default: return try word()
        }
    }

    private mutating func items(_ closer: UInt8) throws(Stop) -> [JSON] {
        at += 1
        var items: [JSON] = []
        while true {
            skipSpace()
            if try closes(closer) { return items }
            items.append(try value())
            try separate(closer)
        }
    }

    /// A number or a constant; where strings have marks of their own, any other text is one too.
    private mutating func word() throws(Stop) -> JSON {
        let start = at
        while at < bytes.count, !Self.endsWord(bytes[at]), !closers.contains(where: { bytes[at...].starts(with: $0) }) { at += 1 }
        // Digits at the end of a text may go on.
        if at == bytes.count { throw .incomplete }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        switch text {
        case "true", "True": return true
        case "false", "False": return false
        case "null", "None": return .null
        case "": throw .malformed
        default: break
        }
        if let number = try? JSONDocument(parsing: text, file: "value").root, number.double != nil { return number }
        if let integer = PythonNumber.parseInteger(text, base: 0) { return JSON(integer) }
        if let first = text.utf8.first, !Self.isNameStart(first), let number = PythonNumber.parseFloat(text) {
            return JSON(.double(number))
        }
        guard !mark.isEmpty else { throw .malformed }
        return JSON(.string(text))
    }

    /// A string in marks or in quotes as Python writes them; nil where none begins.
    private mutating func string() throws(Stop) -> String? {
        if !mark.isEmpty, let rest = Optional(bytes[at...]), !rest.isEmpty {
            if rest.starts(with: mark) {
                guard let end = TextSearch.first(of: mark, in: bytes, from: at + mark.count) else { throw .incomplete }
                defer { at = end + mark.count }
                return String(decoding: bytes[(at + mark.count)..<end], as: UTF8.self)
            }
            if rest.count < mark.count, mark.starts(with: rest) { throw .incomplete }
        }
        var text = ""
        var isThere = false
        while let quote = try stringStart() {
            isThere = true
            var reader = PythonStringReader(bytes, at: at + quote.count, quote: quote, isRaw: bytes[at] != quote[0])
            if bytes[at] != quote[0] { reader.at += 1 }
            text += try reader.read()
            at = reader.at
            // Strings side by side are one.
            let end = at
            skipSpace()
            if at == bytes.count || (bytes[at] != UInt8(ascii: "\"") && bytes[at] != UInt8(ascii: "'")) { at = end; break }
        }
        return isThere ? text : nil
    }

    /// The quotation marks of a string that begins here; a letter r may stand before them.
    private func stringStart() throws(Stop) -> [UInt8]? {
        guard at < bytes.count else { throw .incomplete }
        let first = bytes[at] == UInt8(ascii: "r") ? at + 1 : at
        guard first < bytes.count else { throw .incomplete }
        let quote = bytes[first]
        guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return nil }
        if bytes[first...].starts(with: [quote, quote, quote]) { return [quote, quote, quote] }
        // Two may be an empty string, or the beginning of three.
        if bytes.count == first + 2, bytes[first + 1] == quote, !endCloses { throw .incomplete }
        return [quote]
    }

    // MARK: Bytes

    private func peek() throws(Stop) -> UInt8 {
        guard at < bytes.count else { throw .incomplete }
        return bytes[at]
    }

    private mutating func skipSpace() { while at < bytes.count, ToolCallMatcher.isSpace(bytes[at]) { at += 1 } }

    /// Takes a closing bracket, or finds that it was left out.
    private mutating func closes(_ closer: UInt8) throws(Stop) -> Bool {
        if at < bytes.count, bytes[at] == closer {
            at += 1
            return true
        }
        if at == bytes.count {
            if endCloses { return true }
            throw .incomplete
        }
        let rest = bytes[at...]
        if closers.contains(where: { rest.starts(with: $0) }) { return true }
        if !endCloses, closers.contains(where: { $0.count > rest.count && $0.starts(with: rest) }) { throw .incomplete }
        return false
    }

    /// Takes a comma; a closing bracket stays.
    private mutating func separate(_ closer: UInt8) throws(Stop) {
        skipSpace()
        if at < bytes.count, bytes[at] == UInt8(ascii: ",") {
            at += 1
            return
        }
        let mark = at
        guard try closes(closer) else { throw .malformed }
        at = mark
    }

    private static func isNameStart(_ byte: UInt8) -> Bool {
        (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_") || byte >= 0x80
    }

    private static func isNamePart(_ byte: UInt8) -> Bool {
        isNameStart(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: ")"), UInt8(ascii: ":"): true
        default: ToolCallMatcher.isSpace(byte)
        }
    }

    private static func endsKey(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ":"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: ","), 0x0A: true
        default: false
        }
    }
}
