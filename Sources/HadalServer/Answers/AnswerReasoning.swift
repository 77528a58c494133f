import Hadal
import Synchronization

/// What was reasoned in each choice of an answer until now.
///
/// Thread safety: any thread.
final class AnswerReasoning: Sendable {
    private let texts = Mutex<[Int: String]>([:])

    subscript(choice: Int) -> String { texts.withLock { $0[choice] ?? "" } }

    func add(_ event: GenerationEvent, choice: Int) {
        switch event {
        case .reasoning(let text), .textWasReasoning(let text): texts.withLock { $0[choice, default: ""] += text }
        default: break
        }
    }
}
