/// Codecs of both kinds, each made when it is first used. One thread at a time.
final class SectionCodecs {
    private var made: [Bool: SectionCodec]

    /// - Parameter sealed: the kind that is made at once.
    /// - Throws: `unsupported` where libcrypto lacks its algorithm.
    init(sealed: Bool) throws { made = [sealed: try SectionCodec(sealed: sealed)] }

    /// - Throws: `unsupported` where libcrypto lacks the algorithm.
    func codec(sealed: Bool) throws -> SectionCodec {
        if let known = made[sealed] { return known }
        let new = try SectionCodec(sealed: sealed)
        made[sealed] = new
        return new
    }
}
