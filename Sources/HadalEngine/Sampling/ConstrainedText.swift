import HadalConstraints
import HadalCore
import HadalText
import Synchronization

/// The text of one generation on its way through a constraint. Not thread-safe.
final class ConstrainedText {
    private let tokenizer: Tokenizer
    private let worker: EngineThread
    private var matcher: ConstraintMatcher
    /// Tokens that no text is forced to have, since the generation's settings forbid them.
    private let unforced: Set<Int32>
    /// Tokens that come next whatever is sampled; nil: not looked for.
    private var forced: ArraySlice<Int32>?
    /// Finds the mask of this place.
    private var job: MaskJob?
    private var mask: TokenMask

    /// - Throws: `notFound` for a model without a tokenizer.
    init(_ constraint: TextConstraint, _ engine: Engine, _ sampling: SamplingOptions) throws {
        let vocabulary = try engine.constraintVocabulary()
        tokenizer = try engine.requireTokenizer()
        worker = engine.maskThread
        matcher = ConstraintMatcher(constraint.compiled, vocabulary)
        unforced = sampling.forbidden
        mask = TokenMask(tokenCount: vocabulary.count)
    }

    /// Whether the text may not go on.
    func isFinished() throws -> Bool { try matcher.isFinished() }

    // MARK: Forced tokens

    /// Tokens of a context that the tokenizer may look back at.
    static let contextTokens = 8

    /// The tokens that come next whatever is sampled, as the tokenizer writes their text. Empty where there is a choice.
    ///
    /// - Parameter context: the last tokens before this place.
    func forcedTokens(after context: () -> [Int32]) throws -> ArraySlice<Int32> {
        if let forced { return forced }
        let found = try matcher.forcedTokens { bytes in try tokens(of: bytes, after: context()) }
        let usable = found.map { Int32($0) }.prefix { !unforced.contains($0) }
        forced = usable
        return usable
    }

    /// Goes on behind the next of the forced tokens; nil where there is none.
    func takeForced(after context: () -> [Int32]) throws -> Int32? {
        var rest = try forcedTokens(after: context)
        guard let next = rest.popFirst() else { return nil }
        try accept(next)
        forced = rest
        return next
    }

    /// The tokens of a text behind others: those that the tokenizer makes of it there, where it begins one with it.
    private func tokens(of bytes: [UInt8], after context: [Int32]) throws -> [Int] {
        var (found, context): ([Int32], [Int32]) = ([], context)
        var rest = bytes[...]
        while !rest.isEmpty {
            let plain = rest.prefix { $0 != 0xFF }
            if !plain.isEmpty { found += try plainTokens(of: Array(plain), after: context) }
            rest = rest.dropFirst(plain.count)
            guard let control = ControlTokenText.token(at: rest) else { break }
            found.append(control)
            context = [control]
            rest = rest.dropFirst(ControlTokenText.length)
        }
        return found.map { Int($0) }
    }

    private func plainTokens(of bytes: [UInt8], after context: [Int32]) throws -> [Int32] {
        let spoken = try context.suffix(Self.contextTokens).reversed().prefix { try $0 < tokenizer.count && !tokenizer.isControl($0) }
        let before = try spoken.reversed().flatMap { try tokenizer.tokenBytes($0) }
        var tail: [Int32] = []
        var length = 0
        for token in try tokenizer.encode(bytes: before + bytes, parseSpecial: false).reversed() where length < bytes.count {
            length += try tokenizer.tokenBytes(token).count
            tail.append(token)
        }
        if length == bytes.count { return tail.reversed() }
        return try tokenizer.encode(bytes: bytes, parseSpecial: false)
    }

    // MARK: Masks

    /// Begins to look for the tokens that may come next, on another thread, unless they are forced.
    func beginMask() {
        guard job == nil, forced?.isEmpty ?? true else { return }
        let job = newJob()
        worker.submit { job.run() }
        self.job = job
    }

    private func newJob() -> MaskJob {
        let job = MaskJob(matcher, reusing: mask)
        mask = TokenMask(tokenCount: 0)
        return job
    }

    /// The tokens that may come next.
    ///
    /// - Throws: `unsupported` when the vocabulary has none; `limitExceeded`.
    func allowed() throws -> TokenMask {
        let found = try (job ?? newJob()).result()
        job = nil
        guard found.words.contains(where: { $0 != 0 }) else {
            throw HadalError(.unsupported, "no token of the model's vocabulary continues the text as its constraint demands")
        }
        mask = found
        return found
    }

    /// Whether the text may end here.
    func canEnd() throws -> Bool { try matcher.canEnd() }

    /// Goes on behind bytes that were written before the constraint began.
    ///
    /// - Returns: whether they may come next.
    func accept(bytes: some Collection<UInt8>) throws -> Bool {
        (forced, job) = (nil, nil)
        return try matcher.accept(bytes: bytes)
    }

    /// Goes on behind a chosen token.
    ///
    /// - Throws: `unsupported` when it may not come next: other settings left no token that may.
    func accept(_ token: Int32) throws {
        guard try matcher.accept(token: Int(token)) else {
            throw HadalError(.unsupported, "every token that the constraint allows is suppressed")
        }
        (forced, job) = (nil, nil)
        if mask.tokenCount == 0 { mask = TokenMask(tokenCount: matcher.vocabulary.count) }
    }
}

extension SamplingOptions {
    /// Tokens that may not be chosen, at every place or at some.
    fileprivate var forbidden: Set<Int32> {
        var tokens = Set(suppressed.always + suppressed.atStart + suppressed.sequences.compactMap(\.last))
        for (token, bias) in logitBias where bias == -.infinity { tokens.insert(token) }
        return tokens
    }
}

extension Engine {
    /// The tokens as constraints see them, made when first asked for. Control tokens have a text of `ControlTokenText`.
    ///
    /// - Throws: `notFound` for a model without a tokenizer.
    func constraintVocabulary() throws -> TokenVocabulary {
        let tokenizer = try requireTokenizer()
        return try tokenTexts.withLock { made in
            if let made { return made }
            let texts: [[UInt8]?] = try (0..<vocabularySize).map { id in
                guard id < tokenizer.count else { return nil }
                return try tokenizer.isControl(Int32(id)) ? ControlTokenText.bytes(of: Int32(id)) : tokenizer.tokenBytes(Int32(id))
            }
            let vocabulary = TokenVocabulary(texts, endTokens: endTokens.map(Int.init))
            made = vocabulary
            return vocabulary
        }
    }
}
