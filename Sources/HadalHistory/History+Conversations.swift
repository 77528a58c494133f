import HadalCore

extension History {
    static let maximumTitle = 1000
    static let maximumSettings = 4 << 20
    static let maximumMessage = 32 << 20

    /// Conversations, those that were changed last first.
    ///
    /// - Parameters:
    ///   - query: words; only conversations whose title and texts together have all of them. Empty: all.
    ///   - limit: the largest number of them.
    ///   - time: only those that were changed before, in seconds since 1970.
    package func conversations(matching query: String = "", limit: Int = 100, before time: Double? = nil) throws -> [HistoryListing] {
        let query = SearchQuery(query)
        return try read { store, index in
            let isSearch = !query.words.isEmpty
            if isSearch, store.keys != nil { try index.update(store) }
            var found: [HistoryListing] = []
            for (id, _) in try store.newest(before: time) {
                guard found.count < limit else { break }
                if isSearch, store.keys != nil, !index.contains(query, in: id) { continue }
                var texts: [String] = []
                if isSearch {
                    guard let all = try SearchIndex.texts(id, store) else { continue }
                    guard store.keys != nil || query.matches(all.map(SearchQuery.fold)) else { continue }
                    texts = all
                }
                guard let conversation = try listed(id, store) else { continue }
                found.append(
                    HistoryListing(conversation: conversation, snippet: isSearch ? query.snippet(in: Array(texts.dropFirst())) : nil))
            }
            return found
        }
    }

    /// nil for one that is damaged: the others can be listed all the same.
    private func listed(_ id: String, _ store: ContentStore) throws -> HistoryConversation? {
        do {
            return try store.conversation(id).conversation
        } catch let error as HadalError where error.code == .corrupt {
            return nil
        }
    }

    /// - Throws: `notFound`.
    package func conversation(_ id: String) throws -> HistoryConversation {
        try read { store, _ in try store.conversation(id).conversation }
    }

    /// A conversation with all messages of all branches, in the order in which they came.
    ///
    /// - Throws: `notFound`.
    package func content(of id: String) throws -> (conversation: HistoryConversation, messages: [HistoryMessage]) {
        try read { store, _ in
            let opened = try store.conversation(id)
            return (opened.conversation, try store.messages(of: opened))
        }
    }

    /// Begins a conversation without messages.
    ///
    /// - Parameter settings: JSON text of an object.
    /// - Throws: `malformed` for other settings, `limitExceeded`.
    package func create(title: String, settings: String = "{}") throws -> HistoryConversation {
        try Self.check(settings: settings)
        let conversation = HistoryConversation(title: try Self.title(title), settings: settings)
        try write { _ = try $0.insert(conversation) }
        return conversation
    }

    /// Changes what is given.
    ///
    /// - Throws: `notFound` for a conversation, or a message, that there is not in it.
    package func update(
        _ id: String, title: String? = nil, settings: String? = nil, current: String? = nil
    ) throws -> HistoryConversation {
        if let settings { try Self.check(settings: settings) }
        let title = try title.map(Self.title)
        return try write { store in
            var opened = try store.conversation(id)
            if let title { opened.conversation.title = title }
            if let settings { opened.conversation.settings = settings }
            if let current {
                guard try store.conversation(ofMessage: current) == id else {
                    throw HadalError(.notFound, "the conversation has no such message")
                }
                opened.conversation.current = current
            }
            opened.conversation.updated = max(HistoryClock.now, opened.conversation.created)
            try store.update(opened)
            return opened.conversation
        }
    }

    /// In one line, and without what a terminal or SQLite would take for something else.
    static func title(_ text: String) throws -> String {
        let scalars = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
        let title = String(String.UnicodeScalarView(scalars))
        guard title.count <= maximumTitle, title.utf8.count <= 16 * maximumTitle else {
            throw HadalError(.limitExceeded, "a title has at most \(maximumTitle) characters")
        }
        return title
    }

    static func check(settings: String) throws {
        guard settings.utf8.count <= maximumSettings else {
            throw HadalError(.limitExceeded, "settings have at most \(maximumSettings >> 20) MiB")
        }
        try HistoryJSON.checkObject(settings, "settings")
    }
}
