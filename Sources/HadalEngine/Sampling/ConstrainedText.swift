import HadalConstraints
import HadalCore
import HadalText
import Synchronization

/// The text of one generation on its way through a constraint. Not thread-safe.
final class ConstrainedText {
    private var matcher: ConstraintMatcher
    private(set) var allowed: TokenMask

    init(_ constraint: TextConstraint, _ vocabulary: TokenVocabulary) {
        matcher = ConstraintMatcher(constraint.compiled, vocabulary)
        allowed = TokenMask(tokenCount: vocabulary.count)
    }

    /// Whether the text may not go on.
    func isFinished() throws -> Bool { try matcher.isFinished() }

    /// Puts the tokens that may come next into `allowed`.
    ///
    /// - Throws: `unsupported` when the vocabulary has none; `limitExceeded`.
    func findAllowed() throws {
        try matcher.mask(into: &allowed)
        guard allowed.words.contains(where: { $0 != 0 }) else {
            throw HadalError(.unsupported, "no token of the model's vocabulary continues the text as its constraint demands")
        }
    }

    /// Goes on behind a chosen token.
    ///
    /// - Throws: `unsupported` when it may not come next: other settings left no token that may.
    func accept(_ token: Int32) throws {
        guard try matcher.accept(token: Int(token)) else {
            throw HadalError(.unsupported, "every token that the constraint allows is suppressed")
        }
    }
}

extension Engine {
    /// The tokens as constraints see them, made when first asked for. Control tokens have no text.
    ///
    /// - Throws: `notFound` for a model without a tokenizer.
    func constraintVocabulary() throws -> TokenVocabulary {
        let tokenizer = try requireTokenizer()
        return try tokenTexts.withLock { made in
            if let made { return made }
            let texts: [[UInt8]?] = try (0..<vocabularySize).map { id in
                guard id < tokenizer.count, try !tokenizer.isControl(Int32(id)) else { return nil }
                return try tokenizer.tokenBytes(Int32(id))
            }
            let vocabulary = TokenVocabulary(texts, endTokens: endTokens.map(Int.init))
            made = vocabulary
            return vocabulary
        }
    }
}
