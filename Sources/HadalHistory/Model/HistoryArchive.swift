package import HadalCore

/// Conversations as an exported file has them, `{"hadal": "conversations/1", "conversations": […]}`. A value.
package struct HistoryArchive: Sendable, Equatable {
    package struct Item: Sendable, Equatable {
        package var conversation: HistoryConversation
        /// All branches; each message stands behind its parent.
        package var messages: [HistoryMessage]

        package init(conversation: HistoryConversation, messages: [HistoryMessage]) {
            self.conversation = conversation
            self.messages = messages
        }
    }

    static let format = "conversations/1"
    /// In bytes.
    package static let maximumSize = 512 << 20
    static let maximumConversations = 100_000
    static let maximumMessages = 100_000

    package var items: [Item]

    package init(items: [Item]) { self.items = items }

    package var json: JSON {
        [
            "hadal": JSON(.string(Self.format)),
            "conversations": JSON(.array(items.map { $0.conversation.json(messages: $0.messages) })),
        ]
    }

    /// - Parameter file: what to call the text in errors.
    /// - Throws: `malformed` with line and column, `unsupported` for a later format, `limitExceeded`.
    package init(parsing bytes: [UInt8], file: String) throws {
        guard bytes.count <= Self.maximumSize else {
            throw HadalError(.limitExceeded, "the file is larger than \(Self.maximumSize >> 20) MiB", at: SourcePlace(file))
        }
        let document = try bytes.withUnsafeBytes { try JSONDocument(parsing: $0, file: file) }
        var fields = try JSONFields(document.root, in: document, what: "exported file")
        let format = try fields.string("hadal")
        guard format == Self.format else {
            throw fields.fail("'hadal' must be \"\(Self.format)\"", at: fields.object["hadal"], code: .unsupported)
        }
        let conversations = try fields.array("conversations")
        guard conversations.count <= Self.maximumConversations else {
            throw fields.fail("more than \(Self.maximumConversations) conversations", code: .limitExceeded)
        }
        items = try conversations.map { try Item($0, in: document) }
    }
}

extension HistoryArchive.Item {
    fileprivate init(_ json: JSON, in document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "conversation")
        let messages = try fields.array("messages")
        guard messages.count <= HistoryArchive.maximumMessages else {
            throw fields.fail("more than \(HistoryArchive.maximumMessages) messages", code: .limitExceeded)
        }
        let conversation = try Self.conversation(&fields)
        var (known, read): (Set<ExactString>, [HistoryMessage]) = ([], [])
        for item in messages {
            var message = try HistoryMessage(item, in: document)
            guard known.insert(ExactString(message.id)).inserted else {
                throw fields.fail("two messages have the id '\(message.id)'", at: item)
            }
            if let parent = message.parent, parent == message.id || !known.contains(ExactString(parent)) {
                throw fields.fail("the parent of a message must stand before it", at: item["parent"])
            }
            do { try History.check(message) } catch let error as HadalError { throw error.located(at: document.place(of: item)) }
            // Nobody is writing it any more.
            if message.state == .streaming { message.state = .stopped }
            read.append(message)
        }
        if let current = conversation.current, !known.contains(ExactString(current)) {
            throw fields.fail("'current' is not a message of it", at: fields.object["current"])
        }
        self.init(conversation: conversation, messages: read)
    }

    private static func conversation(_ fields: inout JSONFields) throws -> HistoryConversation {
        func time(_ key: String) throws -> Double {
            let json = try fields.required(key)
            guard let seconds = json.double, HistoryClock.isTime(seconds) else { throw fields.fail("'\(key)' is not a time", at: json) }
            return seconds
        }
        let id = try fields.string("id")
        guard HistoryID.isValid(id) else { throw fields.fail("'id' is not an id", at: fields.object["id"]) }
        let settings = fields.optional("settings")
        if let settings, settings.object == nil {
            throw fields.fail("'settings' must be an object, not \(settings.kindName)", at: settings)
        }
        let text = settings?.text() ?? "{}"
        let written = try fields.string("title")
        let place = fields.document.place(of: fields.json)
        do {
            try History.check(settings: text)
            let (created, updated) = (try time("created"), try time("updated"))
            return HistoryConversation(
                id: id, title: try History.title(written), created: created, updated: updated, settings: text,
                current: try HistoryJSON.text(fields.optional("current"), "current", fields))
        } catch let error as HadalError {
            throw error.located(at: place)
        }
    }
}
