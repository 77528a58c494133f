import HadalCore

/// The blocks of one salt, of all models: what they have in common in the names of their files, so that they can be removed together.
///
/// Somebody who knows the salt can tell which blocks are its; nobody can find the salt. Any thread.
package struct BlockGroup: Hashable, Sendable {
    /// The first bytes of a hash of the salt.
    let value: UInt64

    package init(salt: [UInt8]) {
        var hash = SHA256()
        hash.combine(field: "hadal-cache/1 group")
        hash.combine(field: salt)
        value = hash.finish().withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) }
    }

    /// Hexadecimal digits with which names of files begin.
    static let digits = 16

    var text: String { withUnsafeBytes(of: value.bigEndian, Array.init).hexadecimal }
}
