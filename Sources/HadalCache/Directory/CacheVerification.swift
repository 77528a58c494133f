/// What reading every block of a cache directory showed.
package struct CacheVerification: Equatable, Sendable {
    package struct BadBlock: Equatable, Sendable {
        package let path: String
        package let isRemoved: Bool
    }

    /// Blocks every bit of which is right.
    package internal(set) var verified = 0
    /// Sealed blocks, of which only the length is known to be right.
    package internal(set) var sealed = 0
    /// Of both, those with a snapshot.
    package internal(set) var snapshots = 0
    package internal(set) var bytes = 0
    package internal(set) var bad: [BadBlock] = []

    mutating func count(_ block: CacheFolder.File) {
        if block.hasSnapshot { snapshots += 1 }
        if block.kind == .sealedBlock { sealed += 1 } else { verified += 1 }
        bytes += block.status.bytes
    }
}
