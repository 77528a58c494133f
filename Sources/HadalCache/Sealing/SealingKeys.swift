import HadalCipher
import HadalCore

/// How one store names and protects its files: by a key that an application gives, or by one that everybody knows. Any thread.
///
/// A name says nothing of a block's key to those without the sealing key, and from no name a block's key can be found.
package struct SealingKeys: Sendable {
    package static let keyBytes = 32

    let isSealed: Bool
    private let names: KeyedHash
    private let contents: KeyedHash

    /// - Parameter sealingKey: 32 bytes; nil: files are not sealed.
    package init(_ sealingKey: [UInt8]?) {
        isSealed = sealingKey != nil
        let root = KeyedHash(key: sealingKey ?? [UInt8](repeating: 0, count: Self.keyBytes))
        names = KeyedHash(key: root(Array("hadal-cache/1 names".utf8)))
        contents = KeyedHash(key: root(Array("hadal-cache/1 contents".utf8)))
    }

    /// The name of a block's file: the digits of its group, and those of its own.
    func fileName(of key: BlockKey) -> String { key.group.text + ending(of: key.bytes) }

    /// What follows the group in the name of a block's file.
    ///
    /// - Parameter key: the block's, 32 bytes.
    func ending(of key: [UInt8]) -> String {
        names(key).hexadecimal.prefix(CacheFileName.digits - BlockGroup.digits) + CacheFileName.block(sealed: isSealed).suffix
    }

    /// The key of one file's sections, 32 bytes.
    ///
    /// - Parameter salt: what tells the file from all others.
    func fileKey(salt: [UInt8]) -> [UInt8] { contents(salt) }
}
