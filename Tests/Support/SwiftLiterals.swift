/// The string literals of a Swift source, each without its interpolations (those stand as one space); literals inside interpolations come
/// on their own. Comments hold none.
public struct SwiftLiterals {
    public struct Literal: Sendable {
        /// 1-based.
        public var line: Int
        public var text: String
    }

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private var found: [Literal] = []

    public static func all(in source: String) -> [Literal] {
        var scan = SwiftLiterals(bytes: Array(source.utf8))
        scan.code(untilParenthesis: false)
        return scan.found
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func starts(with text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard position + length <= bytes.count else { return false }
        return (0..<length).allSatisfy { bytes[position + $0] == text.utf8Start[$0] }
    }

    private mutating func skip(_ count: Int = 1) {
        for _ in 0..<count where position < bytes.count {
            if bytes[position] == UInt8(ascii: "\n") { line += 1 }
            position += 1
        }
    }

    private mutating func code(untilParenthesis: Bool) {
        var depth = 0
        while position < bytes.count {
            let byte = bytes[position]
            if starts(with: "//") {
                while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { skip() }
            } else if starts(with: "/*") {
                comment()
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "#") {
                literal()
            } else {
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") { depth -= 1 }
                skip()
                if untilParenthesis, depth < 0 { return }
            }
        }
    }

    private mutating func comment() {
        var depth = 0
        repeat {
            if starts(with: "/*") { depth += 1; skip(2) } else if starts(with: "*/") { depth -= 1; skip(2) } else { skip() }
        } while depth > 0 && position < bytes.count
    }

    /// At a quote, or at a # that may belong to one.
    private mutating func literal() {
        var hashes = 0
        while position < bytes.count, bytes[position] == UInt8(ascii: "#") { hashes += 1; skip() }
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return }
        let first = line
        let quotes = starts(with: "\"\"\"") ? 3 : 1
        skip(quotes)
        var text: [UInt8] = []
        func closes(_ at: Int) -> Bool {
            at + quotes + hashes <= bytes.count && (0..<quotes).allSatisfy { bytes[at + $0] == UInt8(ascii: "\"") }
                && (0..<hashes).allSatisfy { bytes[at + quotes + $0] == UInt8(ascii: "#") }
        }
        while position < bytes.count, !closes(position) {
            let isEscape =
                bytes[position] == UInt8(ascii: "\\") && position + hashes < bytes.count
                && (0..<hashes).allSatisfy { bytes[position + 1 + $0] == UInt8(ascii: "#") }
            guard isEscape else {
                text.append(bytes[position])
                skip()
                continue
            }
            skip(1 + hashes)
            if position < bytes.count, bytes[position] == UInt8(ascii: "(") {
                skip()
                code(untilParenthesis: true)
                text.append(UInt8(ascii: " "))
            } else {
                skip()
            }
        }
        skip(quotes + hashes)
        found.append(Literal(line: first, text: String(decoding: text, as: UTF8.self)))
    }
}
