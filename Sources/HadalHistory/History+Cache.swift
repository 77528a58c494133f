import HadalCore

/// How the blocks of a conversation are named and sealed in a cache that other programs of the user may read.
package struct ConversationSeal: Sendable, Equatable {
    /// Another one for each conversation, and after the passphrase was set, changed or removed.
    package var salt: String
    /// 32 bytes, made of the conversation's own key; nil without a passphrase.
    package var key: [UInt8]?

    package init(salt: String, key: [UInt8]?) { (self.salt, self.key) = (salt, key) }
}

extension History {
    /// The seal of a conversation's blocks in a cache. Deleting the conversation destroys what it is made of.
    ///
    /// - Throws: `notFound`; `corrupt` for a conversation whose key is damaged.
    package func seal(of id: String) throws -> ConversationSeal { try read { store, _ in try store.codec(of: id).cacheSeal } }

    /// The seals of all conversations but those whose key is damaged.
    package func allSeals() throws -> [ConversationSeal] {
        try read { store, _ in
            try store.all().compactMap { id in
                do { return try store.codec(of: id).cacheSeal } catch let error as HadalError where error.code == .corrupt { return nil }
            }
        }
    }
}
