import HadalConstraints
import HadalCore
import HadalText

/// When a reply is constrained, and by what: reasoning is free, and the answer begins behind it with what the model writes between the two.
///
/// Not thread-safe.
final class ReplyConstraint {
    private let engine: Engine
    private let sampling: SamplingOptions
    private let constraint: TextConstraint
    private let extent: CallConstraint.Extent
    /// The answer is calls.
    private let isCalls: Bool
    /// Calls that the answer may be instead.
    private let alternative: TextConstraint?
    private let texts: ControlTokenText?
    private let markers: ReasoningMarkers?
    /// The model may open reasoning itself.
    private let mayReason: Bool
    private var current: ConstrainedText?
    private var hasReasoned = false
    /// The last bytes of the answer, where a call may begin in them.
    private var recent: [UInt8] = []
    /// Longer than any text with which calls begin.
    private static let mostRecent = 256

    /// nil where nothing is constrained.
    ///
    /// - Parameter chat: nil: all text is answer.
    /// - Throws: `invalidArgument` for an answer that has to be calls and something else.
    init?(_ options: GenerationOptions, chat: ChatPrompt?, _ engine: Engine) throws {
        if options.constraint != nil, case .answer? = chat?.calls?.extent {
            throw HadalError(.invalidArgument, "the answer has to be tool calls, and to fit a constraint", hint: "give either of them")
        }
        guard let constraint = options.constraint ?? chat?.calls?.constraint else { return nil }
        self.constraint = constraint
        (self.engine, sampling) = (engine, options.sampling)
        isCalls = options.constraint == nil
        alternative = try isCalls ? nil : chat.flatMap { try CallConstraint.calls(besideConstrainedTextOf: $0, engine) }
        extent = isCalls ? chat?.calls?.extent ?? .answer : .answer
        texts = try chat == nil ? nil : ControlTokenText(tokenizer: engine.requireTokenizer(), endTokens: engine.endTokens)
        markers = chat?.format.reasoning
        mayReason = chat?.mayReason ?? false
    }

    /// What the next token is constrained by; nil: by nothing.
    ///
    /// - Parameter assembler: of the tokens before it.
    func active(_ assembler: TextAssembler) throws -> ConstrainedText? {
        if assembler.isReasoning {
            (current, hasReasoned, recent) = (nil, true, [])
            return nil
        }
        if case .call(let triggers) = extent { return try activeInCall(triggers) }
        if let current { return current }
        let made = try ConstrainedText(try answer(), engine, sampling)
        if hasReasoned, let texts, try !made.accept(bytes: texts.literal(assembler.answerSoFar).bytes) {
            throw HadalError(.unsupported, "the token that ended the reasoning begins an answer that the constraint does not allow")
        }
        current = made
        return made
    }

    /// A token was given out.
    func note(_ token: Int32) throws {
        guard case .call = extent, let texts, Int(token) < texts.tokenizer.count else { return }
        recent += try texts.tokenizer.isControl(token) ? ControlTokenText.bytes(of: token) : texts.tokenizer.tokenBytes(token)
        if recent.count > 4 * Self.mostRecent { recent.removeFirst(recent.count - Self.mostRecent) }
    }

    // MARK: Calls among other text

    private func activeInCall(_ triggers: [[UInt8]]) throws -> ConstrainedText? {
        if let open = current {
            guard try open.canEnd() else { return open }
            (current, recent) = (nil, [])
            return nil
        }
        guard let (start, _) = TextSearch.earliest(of: triggers, in: recent) else { return nil }
        let made = try ConstrainedText(constraint, engine, sampling)
        let isCall = try made.accept(bytes: recent[start...])
        recent = []
        current = isCall ? made : nil
        return current
    }

    // MARK: Around the answer

    /// The answer, with what may stand before it: what the model writes between reasoning and answer, or at first the marker that opens
    /// reasoning.
    private func answer() throws -> TextConstraint {
        let answer = try framed(constraint, isCalls: isCalls)
        return try alternative.map { try answer.or(framed($0, isCalls: true)) } ?? answer
    }

    private func framed(_ constraint: TextConstraint, isCalls: Bool) throws -> TextConstraint {
        guard let markers, let texts else { return constraint }
        var before: [[UInt8]] = [], behind: [[UInt8]] = []
        func literal(_ text: String) throws -> [UInt8] { try texts.literal(Array(text.utf8)).bytes }
        let drops = markers.drops.filter { hasReasoned ? markers.afterClose.hasPrefix($0) : markers.afterClose.hasSuffix($0) }
        for drop in drops where !isCalls || hasReasoned { before.append(try literal(drop)) }
        let isBlank = markers.afterClose.utf8.allSatisfy { $0 == 0x0A || $0 == 0x20 }
        if hasReasoned, !markers.afterClose.isEmpty, !isCalls || isBlank { before.append(try literal(markers.afterClose)) }
        if !hasReasoned, !markers.answerOpen.isEmpty, !isCalls { before.append(try literal(markers.answerOpen + "\n")) }
        if !markers.answerClose.isEmpty, !isCalls { behind += [try literal(markers.answerClose), try literal("\n" + markers.answerClose)] }
        let opening = !hasReasoned && mayReason ? try literal(markers.open) : []
        return try constraint.framed(before: before, behind: behind, orBeginning: opening)
    }
}
