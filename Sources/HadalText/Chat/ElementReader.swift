import HadalCore

/// Reads values written as elements within elements, each tag after a mark of its own: `¶<key>text¶</key>`.
///
/// An element that was not closed ends where the next tag of the one around it stands.
struct ElementReader {
    struct Element {
        var name: String
        var content: Content
    }

    /// What an element holds.
    indirect enum Content {
        case text(String)
        case elements([Element])
    }

    private let bytes: [UInt8]
    private(set) var at: Int
    private let mark: [UInt8]
    private var depth = 0
    private static let maximumDepth = 64
    private static let longestName = 256

    init(_ bytes: [UInt8], at start: Int, mark: [UInt8]) {
        self.bytes = bytes
        at = start
        self.mark = mark
    }

    /// The elements from here on, up to the next closing tag that belongs to none of them.
    mutating func elements() throws(LooseReader.Stop) -> [Element] {
        guard depth < Self.maximumDepth else { throw .malformed }
        depth += 1
        defer { depth -= 1 }
        var found: [Element] = []
        while true {
            let start = at
            while at < bytes.count, ToolCallMatcher.isSpace(bytes[at]) { at += 1 }
            guard let tag = try tag(), !tag.isClosing else {
                at = start
                return found
            }
            at = tag.end
            found.append(Element(name: tag.name, content: try content(of: tag.name)))
        }
    }

    private mutating func content(of name: String) throws(LooseReader.Stop) -> Content {
        let start = at
        let inner = try elements()
        let text: [UInt8]
        if inner.isEmpty {
            guard let next = TextSearch.first(of: mark, in: bytes, from: start) else { throw .incomplete }
            text = Array(bytes[start..<next])
            at = next
        } else {
            text = []
            while at < bytes.count, ToolCallMatcher.isSpace(bytes[at]) { at += 1 }
        }
        if let tag = try tag(), tag.isClosing, tag.name == name { at = tag.end }
        return inner.isEmpty ? .text(String(decoding: text, as: UTF8.self)) : .elements(inner)
    }

    /// The tag that begins here; nil where none does.
    private func tag() throws(LooseReader.Stop) -> (name: String, isClosing: Bool, end: Int)? {
        let rest = bytes[at...]
        guard rest.starts(with: mark) else {
            if mark.starts(with: rest) { throw .incomplete }
            return nil
        }
        var from = at + mark.count
        guard from + 1 < bytes.count else { throw .incomplete }
        guard bytes[from] == UInt8(ascii: "<") else { return nil }
        let isClosing = bytes[from + 1] == UInt8(ascii: "/")
        from += isClosing ? 2 : 1
        guard let end = bytes[from...].prefix(Self.longestName).firstIndex(of: UInt8(ascii: ">")) else {
            if bytes.count - from < Self.longestName { throw .incomplete }
            return nil
        }
        return (String(decoding: bytes[from..<end], as: UTF8.self), isClosing, end + 1)
    }
}
