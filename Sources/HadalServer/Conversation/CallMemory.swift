import Hadal
import HadalCore
import Synchronization

/// Calls as the model wrote them, by the ids that clients got: a client may send arguments back in another order of keys, or with other white space,
/// and leave out the reasoning before them, and the prompt must be the same.
///
/// Thread safety: any thread.
final class CallMemory: Sendable {
    private struct State {
        var calls: [String: WrittenCall] = [:]
        var order: [String] = []
    }
    private let state = Mutex(State())
    private let limit: Int

    /// - Parameter limit: number of calls that are kept, the latest.
    init(limit: Int = 4096) { self.limit = limit }

    /// Keeps a call, and gives the id that the client gets.
    ///
    /// - Parameters:
    ///   - reasoning: of the same answer.
    ///   - prefix: what ids of the interface begin with.
    func note(_ call: ToolCall, reasoning: String = "", prefix: String = "call_") -> String {
        let id = prefix + RandomID.text(24)
        note(WrittenCall(arguments: call.argumentsJSON, reasoning: reasoning), id: id)
        return id
    }

    func note(_ call: WrittenCall, id: String) {
        state.withLock { state in
            guard state.calls.updateValue(call, forKey: id) == nil else { return }
            state.order.append(id)
            if state.order.count > limit * 2 {
                for old in state.order.prefix(limit) { state.calls[old] = nil }
                state.order.removeFirst(limit)
            }
        }
    }

    subscript(id: String) -> WrittenCall? { state.withLock { $0.calls[id] } }

    /// The arguments as the model wrote them, where the client sends the same value back; else as the client sends them.
    func original(of call: ToolCall) -> String {
        guard let written = self[call.id]?.arguments else { return call.argumentsJSON }
        let sent = try? JSONDocument(parsing: call.argumentsJSON, file: "arguments").root
        let own = try? JSONDocument(parsing: written, file: "arguments").root
        return sent != nil && sent == own ? written : call.argumentsJSON
    }

    /// What the model reasoned before a call; nil: nothing, or the call is not known.
    func reasoning(before call: ToolCall) -> String? {
        guard let reasoning = self[call.id]?.reasoning, !reasoning.isEmpty else { return nil }
        return reasoning
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
