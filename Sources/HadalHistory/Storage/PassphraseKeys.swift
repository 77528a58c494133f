import HadalCipher

/// What is made of a passphrase: one key for each purpose, none of which says anything of another. A value that stays in memory.
struct PassphraseKeys: Sendable, Equatable {
    /// Encrypts the keys of conversations, 32 bytes.
    let wrapping: [UInt8]
    /// Shows that the passphrase is the right one, 32 bytes.
    let proof: [UInt8]

    /// - Parameter root: 32 bytes that scrypt made.
    init(root: [UInt8]) {
        let derive = KeyedHash(key: root)
        wrapping = derive(Array("hadal-history/1 wrapping".utf8))
        proof = derive(Array("hadal-history/1 proof".utf8))
    }
}
