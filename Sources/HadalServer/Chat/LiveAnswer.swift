import Hadal
import HadalCore
import HadalHistory
import Synchronization

/// An answer of the page that is being given: it goes on whether or not a page is open, and any number of pages follow it, from its beginning or from
/// where they lost their connection.
///
/// Thread safety: any thread.
final class LiveAnswer: Sendable {
    private struct State {
        var message: HistoryMessage
        var events: [(name: String, data: JSON)] = []
        var isOver = false
        var followers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextFollower = 0
        var answer: Answer?
        var isStopped = false
    }

    let id: String
    let conversation: String
    private let state: Mutex<State>

    init(_ message: HistoryMessage, in conversation: String) {
        (id, self.conversation) = (message.id, conversation)
        state = Mutex(State(message: message))
    }

    var message: HistoryMessage { state.withLock { $0.message } }

    func add(_ name: String, _ data: JSON, isLast: Bool = false, change: (inout HistoryMessage) -> Void = { _ in }) {
        let followers = state.withLock { state in
            change(&state.message)
            state.events.append((name, data))
            state.isOver = isLast
            return Array(state.followers.values)
        }
        for follower in followers {
            if isLast { follower.finish() } else { follower.yield() }
        }
    }

    func begin(_ answer: Answer) {
        let isStopped = state.withLock { state in
            state.answer = answer
            return state.isStopped
        }
        if isStopped { answer.cancel() }
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Ends it with what it has.
    func stop() {
        let answer = state.withLock { state in
            state.isStopped = true
            return state.answer
        }
        answer?.cancel()
    }

    /// The events from a number on, as they come.
    func events(from first: Int) -> AsyncStream<String> {
        let (signals, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let (number, isOver) = state.withLock { state in
            state.nextFollower += 1
            if !state.isOver { state.followers[state.nextFollower] = continuation }
            return (state.nextFollower, state.isOver)
        }
        if isOver { continuation.finish() } else { continuation.yield() }
        return AsyncStream { out in
            let task = Task {
                var next = max(first, 0)
                func send() {
                    let events = state.withLock { Array($0.events.dropFirst(next)) }
                    for event in events {
                        out.yield("id: \(next)\n" + serverSentEvent(event.name, event.data))
                        next += 1
                    }
                }
                for await _ in signals { send() }
                send()
                out.finish()
            }
            out.onTermination = { [weak self] _ in
                task.cancel()
                self?.state.withLock { $0.followers[number] = nil }
            }
        }
    }

    /// The same of an answer that is over.
    static func replay(_ message: HistoryMessage) -> AsyncStream<String> {
        let over = LiveAnswer(message, in: "")
        if !message.reasoning.isEmpty { over.add("reasoning", ["text": .text(message.reasoning)]) }
        if !message.content.isEmpty { over.add("text", ["text": .text(message.content)]) }
        for call in message.toolCalls {
            over.add("tool_call", ["id": .text(call.id), "name": .text(call.name), "arguments": .text(call.arguments)])
        }
        over.add(message.state == .failed ? "failed" : "finished", ["message": message.json], isLast: true)
        return over.events(from: 0)
    }
}
