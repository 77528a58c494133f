import Hadal
import HadalCore
import Synchronization

/// The arguments of calls as the model wrote them, by the ids that clients got: a client may send them back in another order of keys, or with other
/// white space, and the prompt must be the same.
///
/// Thread safety: any thread.
final class CallMemory: Sendable {
    private struct State {
        var arguments: [String: String] = [:]
        var order: [String] = []
    }
    private let state = Mutex(State())
    private let limit: Int

    /// - Parameter limit: number of calls that are kept, the latest.
    init(limit: Int = 4096) { self.limit = limit }

    /// Keeps a call, and gives the id that the client gets.
    ///
    /// - Parameter prefix: what ids of the interface begin with.
    func note(_ call: ToolCall, prefix: String = "call_") -> String {
        let id = prefix + RandomID.text(24)
        state.withLock { state in
            state.arguments[id] = call.argumentsJSON
            state.order.append(id)
            if state.order.count > limit * 2 {
                for old in state.order.prefix(limit) { state.arguments[old] = nil }
                state.order.removeFirst(limit)
            }
        }
        return id
    }

    /// The arguments as the model wrote them, where the client sends the same value back; else as the client sends them.
    func original(of call: ToolCall) -> String {
        guard let written = state.withLock({ $0.arguments[call.id] }) else { return call.argumentsJSON }
        let sent = try? JSONDocument(parsing: call.argumentsJSON, file: "arguments").root
        let own = try? JSONDocument(parsing: written, file: "arguments").root
        return sent != nil && sent == own ? written : call.argumentsJSON
    }
}

/// Ids that nobody guesses.
enum RandomID {
    private static let letters = Array("0123456789abcdefghijklmnopqrstuvwxyz")

    /// Lower-case letters and digits.
    static func text(_ count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<count).map { _ in letters[Int(generator.next(upperBound: UInt(letters.count)))] })
    }
}
