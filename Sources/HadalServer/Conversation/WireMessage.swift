import Hadal
import HadalCore

/// A message as any of the interfaces has it, before it is normalised.
struct WireMessage {
    enum Role { case system, user, assistant, tool }

    var role: Role
    var text = ""
    var reasoning: String?
    /// The calls that an assistant's turn ended with, with the client's ids.
    var calls: [ToolCall] = []
    /// For the result of a call: the client's id of the call.
    var callID: String?
    /// For the result of a call: the tool's name, where the interface says it.
    var name: String?
}

/// What a conversation becomes before it is rendered, so that the same conversation always gives the same prompt, whatever its client changes
/// between two requests.
struct NormalizedConversation {
    var messages: [ChatMessage] = []

    /// - Parameters:
    ///   - wire: in the order of the conversation.
    ///   - calls: what the calls of earlier answers were, by the ids that clients got.
    init(_ wire: [WireMessage], calls: CallMemory) {
        // An answer that an interface cuts into items is whole before it is asked whether it says anything.
        let turns = Self.merged(
            Self.merged(Self.ordered(wire)).filter { $0.role != .assistant || !$0.text.isEmpty || !$0.calls.isEmpty })
        var ids: [String: (id: String, name: String)] = [:]
        var count = 0
        for turn in turns {
            switch turn.role {
            case .system: messages.append(.system(turn.text))
            case .user: messages.append(.user(turn.text))
            case .assistant:
                let own = turn.calls.map { call -> ToolCall in
                    count += 1
                    let id = Self.id(count)
                    ids[call.id] = (id, call.name)
                    return ToolCall(id: id, name: call.name, argumentsJSON: calls.original(of: call))
                }
                // Some clients leave reasoning out. Templates that show what came before a call show it as it was.
                let reasoning = turn.reasoning ?? turn.calls.lazy.compactMap { calls.reasoning(before: $0) }.first
                messages.append(.assistant(turn.text, reasoning: reasoning, toolCalls: own))
            case .tool:
                let known = turn.callID.flatMap { ids[$0] }
                messages.append(.tool(turn.text, for: known?.id ?? Self.id(max(count, 1)), name: turn.name ?? known?.name))
            }
        }
    }

    /// Ids of calls by their order: what a client or a server called them must not change the prompt. Nine letters and digits, which every template takes.
    private static func id(_ number: Int) -> String {
        let digits = String(number)
        return "call" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    /// One system message at the beginning, if any; later ones become what a user says at that place, since most templates know none there.
    private static func ordered(_ wire: [WireMessage]) -> [WireMessage] {
        let head = wire.prefix { $0.role == .system }
        let system = head.map(\.text).filter { !$0.isEmpty }.joined(separator: "\n\n")
        let rest = wire[head.endIndex...].compactMap { message -> WireMessage? in
            var message = message
            switch message.role {
            case .system:
                guard !message.text.isEmpty else { return nil }
                message.role = .user
            case .user, .assistant, .tool: break
            }
            return message
        }
        return (system.isEmpty ? [] : [WireMessage(role: .system, text: system)]) + rest
    }

    /// Messages of the same speaker that follow each other are one turn: templates that demand turns get them, and an answer that an interface cuts into
    /// items becomes one again.
    private static func merged(_ messages: [WireMessage]) -> [WireMessage] {
        var turns: [WireMessage] = []
        for message in messages {
            guard var last = turns.last, last.role == message.role, message.role == .user || message.role == .assistant else {
                turns.append(message)
                continue
            }
            last.text = [last.text, message.text].filter { !$0.isEmpty }.joined(separator: "\n\n")
            last.reasoning = [last.reasoning, message.reasoning].compactMap { $0 }.reduce(nil) { ($0.map { "\($0)\n\n" } ?? "") + $1 }
            last.calls += message.calls
            turns[turns.count - 1] = last
        }
        return turns
    }

    /// The same where a template knows no system messages: its text before that of the user.
    var withoutSystem: [ChatMessage] {
        guard let system = messages.first, system.role == .system else { return messages }
        var rest = Array(messages.dropFirst())
        if let first = rest.first, first.role == .user {
            rest[0].content = system.content + "\n\n" + first.content
        } else {
            rest.insert(.user(system.content), at: 0)
        }
        return rest
    }
}
