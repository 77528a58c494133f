import Foundation
import GRDB
import HadalCore

/// The rows of a history inside one transaction.
///
/// Lives no longer than the transaction, on its thread.
struct ContentStore {
    let db: Database
    /// nil: no passphrase is set.
    let keys: PassphraseKeys?

    private static let columns = "id, created, updated, revision, current, key, title, settings"

    /// A row of conversations with what opens it.
    struct Opened {
        var conversation: HistoryConversation
        var revision: Int
        var codec: ContentCodec
    }

    private func opened(_ row: Row) throws -> Opened {
        let id = try row.string("id")
        let codec = try ContentCodec(id, wrappedKey: row.optionalBytes("key"), keys: keys)
        let conversation = HistoryConversation(
            id: id, title: try codec.decode(row.value("title"), .title), created: try row.double("created"),
            updated: try row.double("updated"), settings: try codec.decode(row.value("settings"), .settings),
            current: try row.optionalString("current"))
        return Opened(conversation: conversation, revision: try row.integer("revision"), codec: codec)
    }

    /// - Throws: `notFound`.
    func conversation(_ id: String) throws -> Opened {
        guard let row = try Row.fetchOne(db, sql: "SELECT \(Self.columns) FROM conversations WHERE id = ?", arguments: [id]) else {
            throw Self.missing(id)
        }
        return try opened(row)
    }

    /// What opens a conversation, without its texts.
    ///
    /// - Throws: `notFound`; `corrupt` for a key that does not open.
    func codec(of id: String) throws -> ContentCodec {
        guard let row = try Row.fetchOne(db, sql: "SELECT key FROM conversations WHERE id = ?", arguments: [id]) else {
            throw Self.missing(id)
        }
        return try ContentCodec(id, wrappedKey: row.optionalBytes("key"), keys: keys)
    }

    /// Ids and revisions, newest first.
    ///
    /// - Parameter time: only those that were last changed before; nil: all.
    func newest(before time: Double? = nil) throws -> [(id: String, revision: Int)] {
        try Row.fetchAll(
            db, sql: "SELECT id, revision FROM conversations WHERE updated < ? ORDER BY updated DESC, rowid DESC",
            arguments: [time ?? Double.greatestFiniteMagnitude]
        ).map { (try $0.string("id"), try $0.integer("revision")) }
    }

    /// Ids in the order in which conversations were made.
    func all() throws -> [String] {
        try Row.fetchAll(db, sql: "SELECT id FROM conversations ORDER BY rowid").map { try $0.string("id") }
    }

    /// All messages of all branches, in the order in which they came.
    func messages(of opened: Opened) throws -> [HistoryMessage] {
        try Row.fetchAll(
            db, sql: "SELECT id, parent, created, state, body FROM messages WHERE conversation = ? ORDER BY position",
            arguments: [opened.conversation.id]
        ).map { try message($0, opened.codec) }
    }

    private func message(_ row: Row, _ codec: ContentCodec) throws -> HistoryMessage {
        let (id, parent) = (try row.string("id"), try row.optionalString("parent"))
        let body = try codec.decode(row.value("body"), .body(message: id, parent: parent))
        guard let state = HistoryMessage.State(rawValue: try row.string("state")) else {
            throw HadalError(.corrupt, "the history holds a message of an unknown state", at: SourcePlace("message \(id)"))
        }
        do {
            return try HistoryMessage(id: id, parent: parent, created: try row.double("created"), state: state, body: body)
        } catch let error as HadalError {
            throw HadalError(.corrupt, "the history holds a damaged message: \(error.message)", at: error.place)
        }
    }

    /// - Throws: `notFound`.
    func message(_ id: String) throws -> (message: HistoryMessage, conversation: String) {
        let row = try Row.fetchOne(
            db, sql: "SELECT id, conversation, parent, created, state, body FROM messages WHERE id = ?", arguments: [id])
        guard let row else { throw HadalError(.notFound, "there is no message '\(id.prefix(HistoryID.maximumLength))'") }
        let conversation = try row.string("conversation")
        return (try message(row, try self.conversation(conversation).codec), conversation)
    }

    func has(conversation id: String) throws -> Bool {
        try Row.fetchOne(db, sql: "SELECT 1 FROM conversations WHERE id = ?", arguments: [id]) != nil
    }

    /// nil: there is no such message.
    func conversation(ofMessage id: String) throws -> String? {
        try Row.fetchOne(db, sql: "SELECT conversation FROM messages WHERE id = ?", arguments: [id])?.string("conversation")
    }
}

extension ContentStore {
    /// A number that no earlier state of the conversation had: tells search indices of all processes that it changed.
    private var newRevision: Int { Int.random(in: 1...Int.max) }

    @discardableResult
    func insert(_ conversation: HistoryConversation) throws -> Opened {
        let codec = try ContentCodec(new: conversation.id, keys: keys)
        let revision = newRevision
        try db.execute(
            sql: "INSERT INTO conversations (\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                conversation.id, conversation.created, conversation.updated, revision, conversation.current,
                codec.wrappedKey.map { Data($0) },
                try codec.encode(conversation.title, .title), try codec.encode(conversation.settings, .settings),
            ])
        return Opened(conversation: conversation, revision: revision, codec: codec)
    }

    /// Writes the members of a conversation that may change.
    func update(_ opened: Opened) throws {
        let conversation = opened.conversation
        try db.execute(
            sql: "UPDATE conversations SET updated = ?, revision = ?, current = ?, title = ?, settings = ? WHERE id = ?",
            arguments: [
                conversation.updated, newRevision, conversation.current, try opened.codec.encode(conversation.title, .title),
                try opened.codec.encode(conversation.settings, .settings), conversation.id,
            ])
    }

    /// Notes that messages changed, without writing the texts of the conversation again.
    func touch(_ id: String, updated: Double, current: String?) throws {
        try db.execute(
            sql: "UPDATE conversations SET updated = ?, revision = ?, current = coalesce(?, current) WHERE id = ?",
            arguments: [updated, newRevision, current, id])
    }

    func insert(_ message: HistoryMessage, updated: Double, into opened: Opened) throws {
        try db.execute(
            sql: "INSERT INTO messages (id, conversation, parent, created, updated, state, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                message.id, opened.conversation.id, message.parent, message.created, updated, message.state.rawValue,
                try body(message, opened),
            ])
    }

    /// Writes a message's state and body: where it stands in the tree and when it began do not change.
    func update(_ message: HistoryMessage, updated: Double, in opened: Opened) throws {
        try db.execute(
            sql: "UPDATE messages SET updated = ?, state = ?, body = ? WHERE id = ?",
            arguments: [updated, message.state.rawValue, try body(message, opened), message.id])
    }

    /// Marks answers as stopped that still come, and were last written before a time in seconds since 1970. Returns their number.
    func stopAnswers(writtenBefore time: Double) throws -> Int {
        try db.execute(sql: "UPDATE messages SET state = 'stopped' WHERE state = 'streaming' AND updated < ?", arguments: [time])
        return db.changesCount
    }

    /// Removes a conversation with its key and its messages.
    ///
    /// - Throws: `notFound`.
    func delete(_ id: String) throws {
        try db.execute(sql: "DELETE FROM conversations WHERE id = ?", arguments: [id])
        guard db.changesCount > 0 else { throw Self.missing(id) }
    }

    func deleteAll() throws { try db.execute(sql: "DELETE FROM conversations") }

    private static func missing(_ id: String) -> HadalError {
        HadalError(.notFound, "there is no conversation '\(id.prefix(HistoryID.maximumLength))'")
    }

    private func body(_ message: HistoryMessage, _ opened: Opened) throws -> DatabaseValue {
        try opened.codec.encode(JSON(.object(message.body)).text(), .body(message: message.id, parent: message.parent))
    }
}
