import Foundation
import GRDB
import HadalCipher
import HadalCore

/// How one conversation's texts stand in the database: as they are, or sealed with the conversation's own key. A value; any thread.
///
/// A sealed text opens only at the place that it was written for: the associated data name the table, the column, and the row.
struct ContentCodec: Sendable {
    /// 32 bytes; nil: nothing is sealed.
    private let key: [UInt8]?
    private let conversation: String
    /// The key as it stands in the database; nil: nothing is sealed.
    let wrappedKey: [UInt8]?

    /// For a new conversation.
    ///
    /// - Parameter keys: nil: no passphrase is set.
    init(new conversation: String, keys: PassphraseKeys?) throws {
        self.conversation = conversation
        guard let keys else {
            (key, wrappedKey) = (nil, nil)
            return
        }
        let key = RandomBytes.make(AuthenticatedCipher.keyBytes)
        self.key = key
        wrappedKey = try SealedText.seal(key, key: keys.wrapping, associated: Self.place(of: conversation))
    }

    /// For one that is there.
    ///
    /// - Throws: `corrupt` for a key that does not open.
    init(_ conversation: String, wrappedKey: [UInt8]?, keys: PassphraseKeys?) throws {
        self.conversation = conversation
        self.wrappedKey = wrappedKey
        guard let keys else {
            key = nil
            return
        }
        guard let wrappedKey else {
            throw HadalError(.corrupt, "the conversation has no key", at: SourcePlace("conversation \(conversation)"))
        }
        do {
            key = try SealedText.open(wrappedKey, key: keys.wrapping, associated: Self.place(of: conversation))
        } catch let error as HadalError {
            throw error.located(at: SourcePlace("conversation \(conversation)"))
        }
    }

    /// The seal of the conversation's blocks in a cache.
    var cacheSeal: ConversationSeal {
        guard let key else { return ConversationSeal(salt: "conversation \(conversation)", key: nil) }
        let derive = KeyedHash(key: key)
        return ConversationSeal(
            salt: derive(Array("hadal-history/1 cache salt".utf8)).hexadecimal, key: derive(Array("hadal-history/1 cache".utf8)))
    }

    private static func place(of conversation: String) -> [UInt8] { Array("hadal-history/1\0key\0\(conversation)".utf8) }

    private func place(_ column: Column) -> [UInt8] { Array("hadal-history/1\0\(conversation)\0\(column.name)".utf8) }

    /// Where a text stands.
    enum Column {
        case title
        case settings
        case body(message: String, parent: String?)

        fileprivate var name: String {
            switch self {
            case .title: "title"
            case .settings: "settings"
            case .body(let message, let parent): "body\0\(message)\0\(parent ?? "")"
            }
        }
    }

    func encode(_ text: String, _ column: Column) throws -> DatabaseValue {
        guard let key else { return text.databaseValue }
        return Data(try SealedText.seal(Array(text.utf8), key: key, associated: place(column))).databaseValue
    }

    /// - Throws: `corrupt` for what `encode` did not make at this place.
    func decode(_ value: DatabaseValue, _ column: Column) throws -> String {
        do {
            switch (key, value.storage) {
            case (nil, .string(let text)): return text
            case (let key?, .blob(let data)):
                let bytes = try SealedText.open(Array(data), key: key, associated: place(column))
                if let text = String(validating: bytes, as: UTF8.self) { return text }
            default: break
            }
        } catch let error as HadalError {
            throw error.located(at: SourcePlace("conversation \(conversation)"))
        }
        throw HadalError(.corrupt, "a text of the history is damaged", at: SourcePlace("conversation \(conversation)"))
    }
}
