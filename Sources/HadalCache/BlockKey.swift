package import HadalCore

/// Names what a block of state was computed from: all tokens up to its end, and whose they are.
///
/// Equal keys mean equal state; without the salt nobody can find a key. Any thread.
package struct BlockKey: Hashable, Sendable {
    /// A SHA-256 hash.
    private let words: (UInt64, UInt64, UInt64, UInt64)
    /// That of the salt.
    let group: BlockGroup

    /// What the first block of a timeline hangs from.
    ///
    /// - Parameters:
    ///   - identity: whatever the state depends on besides tokens: the model, the cache's type.
    ///   - salt: sessions with different salts share nothing.
    package init(identity: String, salt: [UInt8]) {
        var hash = SHA256()
        hash.combine(field: identity)
        hash.combine(field: salt)
        self.init(hash: hash.finish(), BlockGroup(salt: salt))
    }

    /// The key of the block of `tokens` that follows another.
    package init(after parent: BlockKey, tokens: UnsafeBufferPointer<Int32>) {
        var hash = SHA256()
        hash.combine(parent.bytes)
        hash.combine(UnsafeRawBufferPointer(tokens))
        self.init(hash: hash.finish(), parent.group)
    }

    /// The key of something other than a block that a hash names: an answer, by the text before it.
    ///
    /// - Parameter salt: whose it is; a part of what was hashed.
    package init(naming hash: SHA256, salt: [UInt8]) {
        var hash = hash
        self.init(hash: hash.finish(), BlockGroup(salt: salt))
    }

    private init(hash: [UInt8], _ group: BlockGroup) {
        self.group = group
        words = hash.withUnsafeBytes { $0.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self) }
    }

    /// The hash, 32 bytes.
    package var bytes: [UInt8] { withUnsafeBytes(of: words, Array.init) }

    package static func == (a: BlockKey, b: BlockKey) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
