import HadalCore

/// A tensor name with `{index}` placeholders.
struct NamePattern: Sendable {
    enum Piece: Sendable { case text(String), placeholder(String) }

    let text: String
    let pieces: [Piece]

    init(_ json: JSON, in document: JSONDocument, what: String) throws {
        guard let text = json.string, !text.isEmpty else {
            throw HadalError(.malformed, "\(what): a tensor name is a string, not \(json.kindName)", at: document.place(of: json))
        }
        guard text.utf8.count <= 512 else {
            throw HadalError(.limitExceeded, "\(what): a tensor name has at most 512 bytes", at: document.place(of: json))
        }
        self.text = text
        var pieces: [Piece] = []
        var rest = Substring(text)
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}") else {
                throw HadalError(.malformed, "\(what): '{' without '}' in \"\(text)\"", at: document.place(of: json))
            }
            if open > rest.startIndex { pieces.append(.text(String(rest[..<open]))) }
            let name = String(rest[rest.index(after: open)..<close])
            guard Identifier.isValid(name) else {
                throw HadalError(.malformed, "\(what): '{\(name)}' is not a placeholder", at: document.place(of: json))
            }
            pieces.append(.placeholder(name))
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        self.pieces = pieces
    }

    var placeholders: Set<String> {
        pieces.reduce(into: []) { if case .placeholder(let name) = $1 { $0.insert(name) } }
    }

    /// Every name the pattern may stand for: placeholders that `alternatives` lists take each of its values.
    ///
    /// - Returns: nil when a placeholder is neither an index nor an alias; the second value names it.
    func expanded(_ value: (String) -> [String]?) -> (names: [String], unknown: String?) {
        var names = [""]
        for piece in pieces {
            switch piece {
            case .text(let text): names = names.map { $0 + text }
            case .placeholder(let name):
                guard let values = value(name) else { return ([], name) }
                names = values.flatMap { value in names.map { $0 + value } }
                if names.count > 256 { return (Array(names.prefix(256)), nil) }
            }
        }
        return (names, nil)
    }
}
