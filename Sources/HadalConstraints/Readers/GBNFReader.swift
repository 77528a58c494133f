import HadalCore

/// Reads GBNF, the grammars that users of llama.cpp have. Rules may be left-recursive, and a line may begin with "|".
///
/// Source of the format: llama.cpp, grammars/README.md.
package struct GBNFReader {
    /// - Parameter name: what errors call the text.
    /// - Throws: `HadalError` of code `malformed`, `notFound` (a rule), `unsupported` (tokens) or `limitExceeded`, with line and column.
    package static func read(_ text: String, name: String = "grammar") throws -> Grammar {
        var reader = GBNFReader(Array(text.utf8), name: name)
        try reader.readRules()
        guard let root = reader.indices["root"] else { throw HadalError(.notFound, "a grammar needs a rule 'root'", at: SourcePlace(name)) }
        for (index, place) in reader.uses.enumerated() where reader.rules[index] == nil {
            throw HadalError(.notFound, "the rule '\(reader.names[index])' is not defined", at: reader.place(place))
        }
        return try GBNFLowering(rules: reader.rules.compactMap { $0 }, name: name).grammar(root: root)
    }

    private static let maximumDepth = 200
    private static let maximumLength = 1 << 20

    let bytes: [UInt8]
    private let name: String
    var position = 0
    private var names: [String] = []
    private var indices: [String: Int] = [:]
    private var rules: [GBNFSyntax?] = []
    /// Of each rule where it was first named.
    private var uses: [Int] = []
    private let stack = StackGuard()

    private init(_ bytes: [UInt8], name: String) {
        self.bytes = bytes
        self.name = name
    }

    // MARK: Errors and characters

    private func place(_ offset: Int) -> SourcePlace {
        let before = bytes[..<offset]
        let line = before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return SourcePlace(name, .text(line: line, column: offset - start + 1))
    }

    func malformed(_ message: String, at offset: Int? = nil) -> HadalError {
        HadalError(.malformed, message, at: place(offset ?? position))
    }

    var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func take(_ byte: Character) -> Bool {
        guard let current, current == byte.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace(newlines: Bool) {
        while let byte = current {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"): position += 1
            case UInt8(ascii: "#"): while current != nil, current != UInt8(ascii: "\n"), current != UInt8(ascii: "\r") { position += 1 }
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                guard newlines else { return }
                position += 1
            default: return
            }
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private mutating func takeName() -> String? {
        let start = position
        while let byte = current, GBNFReader.isNameByte(byte) { position += 1 }
        return start == position ? nil : String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func index(of rule: String, at offset: Int) -> Int {
        if let index = indices[rule] { return index }
        indices[rule] = names.count
        names.append(rule)
        rules.append(nil)
        uses.append(offset)
        return names.count - 1
    }

    // MARK: Structure

    private mutating func readRules() throws {
        guard bytes.count <= GBNFReader.maximumLength else {
            throw HadalError(.limitExceeded, "a grammar is longer than \(GBNFReader.maximumLength) bytes", at: SourcePlace(name))
        }
        skipSpace(newlines: true)
        while position < bytes.count {
            let start = position
            guard let rule = takeName() else { throw malformed("a rule's name is expected") }
            let index = index(of: rule, at: start)
            guard rules[index] == nil else { throw malformed("the rule '\(rule)' is defined twice", at: start) }
            skipSpace(newlines: false)
            guard take(":"), take(":"), take("=") else { throw malformed("'::=' is expected behind the rule's name") }
            skipSpace(newlines: true)
            rules[index] = try alternatives(depth: 0)
            guard current == nil || current == UInt8(ascii: "\n") || current == UInt8(ascii: "\r") else {
                throw malformed(current == UInt8(ascii: ")") ? "')' without its opening" : "an unexpected character")
            }
            skipSpace(newlines: true)
        }
    }

    private mutating func alternatives(depth: Int) throws -> GBNFSyntax {
        guard depth <= GBNFReader.maximumDepth else {
            throw HadalError(.limitExceeded, "groups nest more than \(GBNFReader.maximumDepth) deep", at: place(position))
        }
        try stack.check()
        var parts = [try sequence(depth: depth)]
        while true {
            // The next line may go on with "|".
            let end = position
            skipSpace(newlines: true)
            guard take("|") else {
                position = end
                break
            }
            skipSpace(newlines: true)
            parts.append(try sequence(depth: depth))
        }
        if depth > 0 { skipSpace(newlines: true) }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence(depth: Int) throws -> GBNFSyntax {
        var parts: [GBNFSyntax] = []
        while let byte = current {
            let start = position
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                var text: [UInt8] = []
                while !take("\"") {
                    guard current != nil else { throw malformed("a text without its end", at: start) }
                    text += Array(String(try character(closing: "\"")).utf8)
                }
                parts.append(.text(text))
            case UInt8(ascii: "["): parts.append(.characters(try characterClass()))
            case UInt8(ascii: "."):
                position += 1
                parts.append(.characters(.all))
            case UInt8(ascii: "("):
                position += 1
                skipSpace(newlines: true)
                let inner = try alternatives(depth: depth + 1)
                guard take(")") else { throw malformed("a group without its end", at: start) }
                parts.append(inner)
            case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"):
                guard let last = parts.popLast() else { throw malformed("nothing stands before the repetition") }
                parts.append(try repetition(of: last))
            case UInt8(ascii: "<"), UInt8(ascii: "!"):
                throw HadalError(
                    .unsupported, "a grammar is over text here, and cannot name tokens", at: place(start), hint: "write the token's text")
            default:
                guard let rule = takeName() else {
                    skipSpace(newlines: depth > 0)
                    if position > start { continue }
                    return .sequence(parts)
                }
                parts.append(.rule(index(of: rule, at: start)))
            }
            skipSpace(newlines: depth > 0)
        }
        return .sequence(parts)
    }

    private mutating func repetition(of inner: GBNFSyntax) throws -> GBNFSyntax {
        let start = position
        if take("*") { return .repetition(inner, minimum: 0, maximum: nil) }
        if take("+") { return .repetition(inner, minimum: 1, maximum: nil) }
        if take("?") { return .repetition(inner, minimum: 0, maximum: 1) }
        position += 1
        skipSpace(newlines: false)
        guard let minimum = try number() else { throw malformed("a number is expected") }
        var maximum: Int? = minimum
        skipSpace(newlines: false)
        if take(",") {
            skipSpace(newlines: false)
            maximum = try number()
            skipSpace(newlines: false)
        }
        guard take("}") else { throw malformed("'}' is expected") }
        guard minimum <= maximum ?? minimum else { throw malformed("the maximum of a repetition is below its minimum", at: start) }
        return .repetition(inner, minimum: minimum, maximum: maximum)
    }

    private mutating func number() throws -> Int? {
        let start = position
        var value = 0
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
            guard value < Int(Int32.max) else {
                throw HadalError(.limitExceeded, "a repetition is limited to \(Int32.max - 1)", at: place(start))
            }
            position += 1
        }
        return position == start ? nil : value
    }
}
