package import HadalCore

/// A conversation without its messages. A value.
package struct HistoryConversation: Sendable, Equatable {
    /// See `HistoryID`.
    package var id: String
    package var title: String
    /// Seconds since 1970.
    package var created: Double
    /// When a message or the conversation itself was last changed, in seconds since 1970.
    package var updated: Double
    /// JSON text of an object, of which the history looks at `model` alone.
    package var settings: String
    /// The message that ends the path that is shown; nil where there are none.
    package var current: String?
    /// Whether it lives in the server's memory only. The history itself holds no such conversation.
    package var isTemporary = false

    package init(
        id: String = HistoryID.make(), title: String, created: Double = HistoryClock.now, updated: Double? = nil, settings: String = "{}",
        current: String? = nil, isTemporary: Bool = false
    ) {
        self.id = id
        self.title = title
        self.created = created
        self.updated = updated ?? created
        self.settings = settings
        self.current = current
        self.isTemporary = isTemporary
    }

    /// The name of the model in the settings.
    package var model: String? { settingsValue["model"]?.string }

    private var settingsValue: JSON { (try? JSONDocument(parsing: settings, file: "settings").root) ?? JSON(.object(JSONObject())) }

    /// The conversation as the page has it, without `messages`.
    package var json: JSON {
        [
            "id": JSON(.string(id)), "title": JSON(.string(title)), "created": JSON(.double(created)), "updated": JSON(.double(updated)),
            "temporary": JSON(.bool(isTemporary)), "settings": settingsValue, "current": current.map { JSON(.string($0)) } ?? .null,
        ]
    }

    /// The conversation with messages, as the page and exported files have it.
    package func json(messages: [HistoryMessage]) -> JSON {
        var object = json.object ?? JSONObject()
        object["messages"] = JSON(.array(messages.map(\.json)))
        return JSON(.object(object))
    }
}

/// One item of a list of conversations.
package struct HistoryListing: Sendable, Equatable {
    package var conversation: HistoryConversation
    /// Where the texts of the conversation have the first word that was searched for; nil without a search, and where only the title has it.
    package var snippet: String?

    /// As the page has it.
    package var json: JSON {
        let it = conversation
        return [
            "id": JSON(.string(it.id)), "title": JSON(.string(it.title)), "model": it.model.map { JSON(.string($0)) } ?? .null,
            "created": JSON(.double(it.created)), "updated": JSON(.double(it.updated)), "temporary": JSON(.bool(it.isTemporary)),
            "snippet": snippet.map { JSON(.string($0)) } ?? .null,
        ]
    }
}
