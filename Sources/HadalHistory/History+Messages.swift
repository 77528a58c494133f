import HadalCore

extension History {
    /// A message, and the conversation that it belongs to.
    ///
    /// - Throws: `notFound`.
    package func message(_ id: String) throws -> (message: HistoryMessage, conversation: String) {
        try read { store, _ in try store.message(id) }
    }

    /// Adds messages to a conversation, all of them or none, each behind a parent that is there by then. The last one ends the path that is shown.
    ///
    /// - Throws: `notFound` for the conversation or a parent, `invalidArgument` for an id that is taken or is none, `limitExceeded`.
    package func append(_ messages: [HistoryMessage], to conversation: String) throws {
        for message in messages { try Self.check(message) }
        try write { store in
            let opened = try store.conversation(conversation)
            let now = max(HistoryClock.now, opened.conversation.created)
            for message in messages {
                if let parent = message.parent, try store.conversation(ofMessage: parent) != conversation {
                    throw HadalError(.notFound, "the conversation has no message '\(parent.prefix(HistoryID.maximumLength))'")
                }
                guard try store.conversation(ofMessage: message.id) == nil else {
                    throw HadalError(.invalidArgument, "there is a message '\(message.id)' already")
                }
                try store.insert(message, updated: now, into: opened)
            }
            try store.touch(conversation, updated: now, current: messages.last?.id)
        }
    }

    /// Writes a message again, such as an answer while it comes. Its parent and the time it was made at remain.
    ///
    /// - Throws: `notFound`, also once its conversation was deleted.
    package func update(_ message: HistoryMessage) throws {
        try Self.check(message)
        try write { store in
            let (known, conversation) = try store.message(message.id)
            guard known.parent == message.parent else {
                throw HadalError(.invalidArgument, "the message '\(message.id)' has another parent")
            }
            let opened = try store.conversation(conversation)
            let now = max(HistoryClock.now, opened.conversation.created)
            try store.update(message, updated: now, in: opened)
            try store.touch(conversation, updated: now, current: nil)
        }
    }

    /// Marks answers as stopped that nobody has written for a while: their server was ended in the middle. Returns their number.
    ///
    /// - Parameter seconds: servers write an answer that comes more often than this.
    package func stopAbandonedAnswers(after seconds: Double) throws -> Int {
        try write { try $0.stopAnswers(writtenBefore: HistoryClock.now - seconds) }
    }

    static func check(_ message: HistoryMessage) throws {
        guard HistoryID.isValid(message.id) else { throw HadalError(.invalidArgument, "the id of a message is not an id") }
        guard HistoryClock.isTime(message.created) else { throw HadalError(.invalidArgument, "the time of a message is not a time") }
        let texts = [message.content, message.reasoning, message.error ?? "", message.figures ?? ""] + message.toolCalls.map(\.arguments)
        guard texts.reduce(0, { $0 + $1.utf8.count }) <= maximumMessage else {
            throw HadalError(.limitExceeded, "a message has at most \(maximumMessage >> 20) MiB")
        }
        if let figures = message.figures { try HistoryJSON.checkObject(figures, "figures") }
    }
}
