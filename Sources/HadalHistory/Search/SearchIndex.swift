import HadalCore

/// The texts of a sealed history, decrypted and folded, in memory alone. Made at unlocking and brought up to date before each search, since
/// other processes write as well.
///
/// A value; whoever holds it protects it.
struct SearchIndex {
    private struct Entry {
        var revision: Int
        /// See `SearchQuery.fold`.
        var texts: [[UInt8]]
    }

    private var entries: [String: Entry] = [:]

    /// Reads what changed. A conversation that is damaged is not found.
    mutating func update(_ store: ContentStore) throws {
        let present = try store.newest()
        var updated: [String: Entry] = [:]
        for (id, revision) in present {
            if let known = entries[id], known.revision == revision {
                updated[id] = known
            } else if let texts = try Self.texts(id, store) {
                updated[id] = Entry(revision: revision, texts: texts.map(SearchQuery.fold))
            }
        }
        entries = updated
    }

    mutating func remove(_ id: String) { entries[id] = nil }

    func contains(_ query: SearchQuery, in id: String) -> Bool { entries[id].map { query.matches($0.texts) } ?? false }

    /// The title and all that was written, as it is; nil for a conversation that is damaged.
    static func texts(_ id: String, _ store: ContentStore) throws -> [String]? {
        do {
            let opened = try store.conversation(id)
            return [opened.conversation.title]
                + (try store.messages(of: opened)).flatMap { [$0.content, $0.reasoning] }.filter { !$0.isEmpty }
        } catch let error as HadalError where error.code == .corrupt {
            return nil
        }
    }
}
