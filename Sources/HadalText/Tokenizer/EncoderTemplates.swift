/// How one text, and how two, become the input of an encoder: which tokens go where, and the type of each.
struct EncoderTemplates: Sendable {
    enum Piece: Sendable, Equatable {
        /// A text, by its index: 0, or 1 for the second of two.
        case text(Int, type: Int32)
        case token(Int32, type: Int32)
    }

    var single: [Piece] = [.text(0, type: 0)]
    var pair: [Piece] = [.text(0, type: 0), .text(1, type: 0)]

    init() {}

    /// Nothing but tokens around a text, or around two; all types are 0.
    ///
    /// - Parameter between: the tokens that part two texts.
    init(prefix: [Int32], suffix: [Int32], between: [Int32] = []) {
        func tokens(_ ids: [Int32]) -> [Piece] { ids.map { .token($0, type: 0) } }
        single = tokens(prefix) + [.text(0, type: 0)] + tokens(suffix)
        pair = tokens(prefix) + [.text(0, type: 0)] + tokens(between) + [.text(1, type: 0)] + tokens(suffix)
    }

    /// BERT's form: a class token, and a separator behind each text; the second text and its separator are of type 1.
    init(classID: Int32?, separatorID: Int32?) {
        func token(_ id: Int32?, _ type: Int32 = 0) -> [Piece] { id.map { [.token($0, type: type)] } ?? [] }
        single = token(classID) + [.text(0, type: 0)] + token(separatorID)
        pair = single + [.text(1, type: 1)] + token(separatorID, 1)
    }

    /// Exchanges the tokens that a template begins with.
    static func replacePrefix(of template: inout [Piece], with ids: [Int32]) {
        guard let first = template.firstIndex(where: \.isText) else { return }
        template.replaceSubrange(..<first, with: ids.map { .token($0, type: template[first].type) })
    }

    /// Exchanges the tokens that a template ends with.
    static func replaceSuffix(of template: inout [Piece], with ids: [Int32]) {
        guard let last = template.lastIndex(where: \.isText) else { return }
        template.replaceSubrange((last + 1)..., with: ids.map { .token($0, type: template[last].type) })
    }
}

extension EncoderTemplates.Piece {
    /// Of a text.
    var index: Int? { if case .text(let index, _) = self { index } else { nil } }

    var isText: Bool { index != nil }

    var type: Int32 {
        switch self {
        case .text(_, let type), .token(_, let type): type
        }
    }

    func with(type: Int32) -> Self {
        switch self {
        case .text(let index, _): .text(index, type: type)
        case .token(let id, _): .token(id, type: type)
        }
    }
}
