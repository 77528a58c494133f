/// What this program's files in a cache directory are called. Nothing else there is touched.
enum CacheFileName: Equatable, Sendable {
    case block
    case sealedBlock
    case description
    /// A file that was not complete when this name was given; one that is left over is of no use.
    case temporary

    /// The folder's `description`.
    static let descriptionName = "model.json"
    /// Of a block's name.
    static let digits = 64

    static func block(sealed: Bool) -> CacheFileName { sealed ? .sealedBlock : .block }

    /// - Returns: nil for a name that is none of this program's.
    init?(_ name: String) {
        let bytes = Array(name.utf8)
        let stem =
            Self.isHash(bytes.prefix(Self.digits), digits: Self.digits)
            ? String(decoding: bytes.dropFirst(Self.digits), as: UTF8.self) : nil
        switch (name, stem) {
        case (Self.descriptionName, _): self = .description
        case (_, Self.block.suffix): self = .block
        case (_, Self.sealedBlock.suffix): self = .sealedBlock
        default:
            let starts = [Self.block.suffix, Self.sealedBlock.suffix].contains { stem?.hasPrefix($0 + ".") ?? false }
            guard starts || name.hasPrefix(Self.descriptionName + "."), name.hasSuffix(".part") else { return nil }
            self = .temporary
        }
    }

    /// How the names of blocks end.
    var suffix: String { self == .sealedBlock ? ".sealed" : ".block" }

    var isBlock: Bool { self == .block || self == .sealedBlock }

    /// Whether a text is a hash in lower-case hexadecimal digits.
    static func isHash(_ text: some Collection<UInt8>, digits: Int) -> Bool {
        text.count == digits
            && text.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }
}
