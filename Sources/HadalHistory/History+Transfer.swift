import HadalCore

extension History {
    /// A conversation with all its branches.
    ///
    /// - Throws: `notFound`.
    package func export(_ id: String) throws -> HistoryArchive {
        let (conversation, messages) = try content(of: id)
        return HistoryArchive(items: [.init(conversation: conversation, messages: messages)])
    }

    /// All conversations, in the order in which they were made.
    ///
    /// - Throws: `corrupt` for one that is damaged: an export that leaves some out would be taken for all of them.
    package func exportAll() throws -> HistoryArchive {
        try read { store, _ in
            HistoryArchive(
                items: try store.all().map { id in
                    let opened = try store.conversation(id)
                    return .init(conversation: opened.conversation, messages: try store.messages(of: opened))
                })
        }
    }

    /// Adds conversations, all of them or none. One whose id is taken, or a message's, is given new ids. Returns their number.
    ///
    /// - Parameters:
    ///   - bytes: what `HistoryArchive.json` gives.
    ///   - file: what to call it in errors.
    /// - Throws: as `HistoryArchive.init(parsing:file:)`.
    @discardableResult
    package func importConversations(_ bytes: [UInt8], file: String = "import") throws -> Int {
        try importConversations(HistoryArchive(parsing: bytes, file: file))
    }

    /// Adds one conversation. Returns 1.
    ///
    /// - Parameters:
    ///   - bytes: what `HistoryArchive.Item.markdown` gives.
    ///   - file: what to call it in errors.
    /// - Throws: as `HistoryArchive.init(markdown:file:)`.
    @discardableResult
    package func importMarkdown(_ bytes: [UInt8], file: String = "import") throws -> Int {
        try importConversations(HistoryArchive(markdown: bytes, file: file))
    }

    private func importConversations(_ archive: HistoryArchive) throws -> Int {
        try write { store in
            for item in archive.items { try Self.add(item, to: store) }
        }
        return archive.items.count
    }

    private static func add(_ item: HistoryArchive.Item, to store: ContentStore) throws {
        var (item, names): (HistoryArchive.Item, [String: String]) = (item, [:])
        func free(_ id: String, _ isTaken: Bool) -> String {
            names[id] = isTaken ? HistoryID.make() : id
            return names[id] ?? id
        }
        item.conversation.id = try store.has(conversation: item.conversation.id) ? HistoryID.make() : item.conversation.id
        for at in item.messages.indices {
            let id = item.messages[at].id
            item.messages[at].id = free(id, try store.conversation(ofMessage: id) != nil)
            item.messages[at].parent = item.messages[at].parent.flatMap { names[$0] }
        }
        item.conversation.current = item.conversation.current.flatMap { names[$0] }
        let opened = try store.insert(item.conversation)
        for message in item.messages { try store.insert(message, updated: item.conversation.updated, into: opened) }
    }
}
