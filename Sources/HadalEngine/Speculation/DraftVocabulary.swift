import HadalCore
import HadalText

/// Whether two models mean the same by their token ids.
enum DraftVocabulary {
    typealias Side = (tokenizer: Tokenizer?, size: Int, path: String)

    /// - Throws: `mismatch` naming the first id that differs, or the sizes.
    static func check(_ target: Side, draft: Side) throws {
        func fail(_ what: String) -> HadalError {
            HadalError(
                .mismatch, "the draft model's vocabulary is another: \(what)", at: SourcePlace(draft.path),
                hint: "a model can draft for \(target.path) only with the same vocabulary, so from the same family")
        }
        guard let first = target.tokenizer, let second = draft.tokenizer else {
            guard target.size == draft.size else { throw fail("it has \(draft.size) ids, not \(target.size)") }
            return
        }
        for id in 0..<min(first.count, second.count) {
            let (a, b) = (try first.token(Int32(id)), try second.token(Int32(id)))
            if a != b { throw fail("token \(id) is \(quoted(b)), not \(quoted(a))") }
        }
        guard first.count == second.count else { throw fail("it has \(second.count) tokens, not \(first.count)") }
    }

    private static func quoted(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.prefix(40), as: UTF8.self)
        return "'\(text)\(bytes.count > 40 ? "…" : "")'"
    }
}
