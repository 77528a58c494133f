/// An `#include` of a C source.
struct IncludeLine {
    /// The file's name; nil when it is a macro's.
    var name: String?
    var isQuoted: Bool
    /// What follows the directive.
    var text: String
    /// Counted from 1.
    var line: Int

    /// All of them, those that conditions or comments leave out too: to read a file too many does no harm.
    static func all(in bytes: [UInt8]) -> [IncludeLine] {
        var lines: [IncludeLine] = []
        for (number, raw) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            var rest = raw[...].drop(while: isBlank)
            guard rest.first == UInt8(ascii: "#") else { continue }
            rest = rest.dropFirst().drop(while: isBlank)
            guard rest.starts(with: "include".utf8) else { continue }
            rest = rest.dropFirst(7)
            // #include_next and the like are other words.
            guard let next = rest.first, isBlank(next) || next == UInt8(ascii: "\"") || next == UInt8(ascii: "<") else { continue }
            rest = rest.drop(while: isBlank)
            let quoted = rest.first == UInt8(ascii: "\"")
            var name: String?
            if quoted || rest.first == UInt8(ascii: "<"), let end = rest.dropFirst().firstIndex(of: UInt8(ascii: quoted ? "\"" : ">")) {
                name = String(decoding: rest[(rest.startIndex + 1)..<end], as: UTF8.self)
            }
            let text = String(decoding: rest.prefix { !isBlank($0) && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
            lines.append(IncludeLine(name: name, isQuoted: quoted, text: text, line: number + 1))
        }
        return lines
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
