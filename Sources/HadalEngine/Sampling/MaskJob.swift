import HadalConstraints
import HadalCore

/// The tokens that may come next at one place of a text: found by another thread while the model's step runs, or by whoever needs them
/// before that thread has begun.
///
/// Thread safety: any thread.
final class MaskJob: Sendable {
    private enum State {
        case waiting(ConstraintMatcher, TokenMask)
        case running
        case done(Result<TokenMask, any Error>)
    }

    private let state: Monitor<State>

    /// - Parameter mask: of the matcher's vocabulary; what is in it does not matter.
    init(_ matcher: ConstraintMatcher, reusing mask: TokenMask) { state = Monitor(.waiting(matcher, mask)) }

    /// Finds the tokens, unless another thread does or has.
    func run() {
        let claimed: (ConstraintMatcher, TokenMask)? = state.withLock { state in
            guard case .waiting(let matcher, let mask) = state else { return nil }
            state = .running
            return (matcher, mask)
        }
        guard var (matcher, mask) = claimed else { return }
        let result = Result<TokenMask, any Error> {
            try matcher.mask(into: &mask)
            return mask
        }
        state.update { $0 = .done(result) }
    }

    /// Waits no longer than finding them takes.
    ///
    /// - Throws: `limitExceeded`.
    func result() throws -> TokenMask {
        run()
        let result: Result<TokenMask, any Error> = state.wait(until: { if case .done = $0 { true } else { false } }) { state in
            guard case .done(let result) = state else { return .failure(CancellationError()) }
            return result
        }
        return try result.get()
    }
}
