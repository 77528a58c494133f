import HadalCore
import HadalHistory
import Synchronization

/// The conversations of the page: those of the history, and temporary ones, which are in memory alone.
///
/// Calls block. Thread safety: any thread.
final class ChatStore: Sendable {
    let history: History
    private let temporary = Mutex<[String: (conversation: HistoryConversation, messages: [HistoryMessage])]>([:])
    /// Bounded, since nobody deletes what nobody sees.
    private static let mostTemporary = 100

    init(_ history: History) { self.history = history }

    func isTemporary(_ id: String) -> Bool { temporary.withLock { $0[id] != nil } }

    private func missing() -> HadalError { HadalError(.notFound, "there is no such conversation") }

    func create(title: String, settings: String, isTemporary: Bool) throws -> HistoryConversation {
        guard isTemporary else { return try history.create(title: title, settings: settings) }
        let made = HistoryConversation(title: title, settings: settings, isTemporary: true)
        temporary.withLock { all in
            all[made.id] = (made, [])
            if all.count > Self.mostTemporary, let oldest = all.min(by: { $0.value.conversation.updated < $1.value.conversation.updated }) {
                all[oldest.key] = nil
            }
        }
        return made
    }

    func content(of id: String) throws -> (conversation: HistoryConversation, messages: [HistoryMessage]) {
        if let found = temporary.withLock({ $0[id] }) { return found }
        return try history.content(of: id)
    }

    func update(_ id: String, title: String?, settings: String?, current: String?) throws -> HistoryConversation {
        guard isTemporary(id) else { return try history.update(id, title: title, settings: settings, current: current) }
        return try temporary.withLock { all in
            guard var found = all[id] else { throw missing() }
            if let title { found.conversation.title = title }
            if let settings { found.conversation.settings = settings }
            if let current { found.conversation.current = current }
            found.conversation.updated = HistoryClock.now
            all[id] = found
            return found.conversation
        }
    }

    func delete(_ id: String) throws {
        if temporary.withLock({ $0.removeValue(forKey: id) }) == nil { try history.delete(id) }
    }

    /// How blocks of a conversation are named and sealed in the cache; those of a temporary one never reach a disk.
    func seal(of id: String) throws -> ConversationSeal {
        isTemporary(id) ? ConversationSeal(salt: "temporary \(id)", key: nil) : try history.seal(of: id)
    }

    func deleteAll() throws {
        temporary.withLock { $0 = [:] }
        try history.deleteAll()
    }

    func append(_ messages: [HistoryMessage], to id: String) throws {
        guard isTemporary(id) else { return try history.append(messages, to: id) }
        try temporary.withLock { all in
            guard var found = all[id] else { throw missing() }
            for message in messages {
                guard message.parent == nil || found.messages.contains(where: { $0.id == message.parent }) else { throw missing() }
                found.messages.append(message)
            }
            found.conversation.current = messages.last?.id
            found.conversation.updated = HistoryClock.now
            all[id] = found
        }
    }

    func update(_ message: HistoryMessage, in id: String) throws {
        guard isTemporary(id) else { return try history.update(message) }
        try temporary.withLock { all in
            guard let at = all[id]?.messages.firstIndex(where: { $0.id == message.id }) else { throw missing() }
            all[id]?.messages[at] = message
        }
    }

    /// A message, and the conversation that it belongs to.
    func message(_ id: String) throws -> (message: HistoryMessage, conversation: String) {
        let found = temporary.withLock { all in
            all.lazy.compactMap { entry in entry.value.messages.first { $0.id == id }.map { ($0, entry.key) } }.first
        }
        return try found ?? history.message(id)
    }
}
