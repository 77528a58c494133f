import HadalCache
import HadalCore

/// Names answers by all of the text before them, and by whose they are: without the salt nobody can find a key.
struct AnswerKeys {
    /// What is named: nothing of one kind has a key of the other.
    enum Kind: String { case answer, note }

    private var hash = SHA256()
    private let salt: [UInt8]

    /// - Parameter salt: as of the blocks of the cache.
    init(_ kind: Kind = .answer, salt: String) {
        self.salt = Array(salt.utf8)
        hash.combine(field: kind.rawValue)
        hash.combine(field: salt)
    }

    /// Adds text.
    mutating func extend(with text: ArraySlice<UInt8>) { text.withUnsafeBytes { hash.combine($0) } }

    /// The key of an answer to the text so far.
    var key: BlockKey { BlockKey(naming: hash, salt: salt) }
}
