import HadalCore
import HadalFormats

/// A byte-level BPE vocabulary of any size that means nothing but encodes and decodes every text.
///
/// The 256 bytes come first, then pairs of them, then longer pieces, each with the merge that makes it; special tokens take
/// the ids that the configuration gives them. A vocabulary of 256 entries or fewer holds the commonest bytes and one pair.
struct SyntheticVocabulary {
    private(set) var tokens: [String] = []
    private(set) var merges: [String] = []
    let bos: Int?
    let eos: Int?

    init(size: Int, bos: Int?, eos: Int?) {
        func inside(_ id: Int?) -> Int? { id.flatMap { (0..<size).contains($0) ? $0 : nil } }
        self.bos = inside(bos)
        self.eos = inside(eos)
        tokens.reserveCapacity(size)
        // Tokenizers expect a merge: where all the bytes just fit, the rarest makes room for one pair.
        let count = size - Set([self.bos, self.eos].compactMap { $0 }).count
        let bytes = count > 256 || count < 3 ? 256 : count - 1
        var pieces: [String] = []
        pieces.reserveCapacity(size)
        for id in 0..<size {
            if id == self.eos {
                tokens.append("<|eos|>")
            } else if id == self.bos {
                tokens.append("<|bos|>")
            } else {
                let n = pieces.count
                if n < bytes {
                    pieces.append(Self.letters[n])
                } else {
                    // The k-th longer piece is the (k / bytes)-th piece and a byte: every byte pair, then every triple.
                    let (left, right) = (pieces[(n - bytes) / bytes], pieces[(n - bytes) % bytes])
                    pieces.append(left + right)
                    merges.append("\(left) \(right)")
                }
                tokens.append(pieces[n])
            }
        }
    }

    var metadata: [(key: String, value: MetadataValue)] {
        let control = tokens.indices.map { Int32($0 == bos || $0 == eos ? 3 : 1) }
        var entries: [(key: String, value: MetadataValue)] = [
            ("tokenizer.ggml.model", MetadataValue("gpt2")),
            ("tokenizer.ggml.pre", MetadataValue("gpt-2")),
            ("tokenizer.ggml.tokens", .array(MetadataArray(strings: tokens))),
            ("tokenizer.ggml.token_type", .array(MetadataArray(int32: control))),
            ("tokenizer.ggml.merges", .array(MetadataArray(strings: merges))),
        ]
        if let bos { entries.append(("tokenizer.ggml.bos_token_id", .uint32(UInt32(bos)))) }
        if let eos { entries.append(("tokenizer.ggml.eos_token_id", .uint32(UInt32(eos)))) }
        entries.append(("tokenizer.ggml.add_bos_token", .bool(false)))
        return entries
    }

    /// The 256 bytes as byte-level BPE writes them, the commonest in text first.
    ///
    /// Printable bytes stand for themselves, the others for the code points from 256 on, in order.
    private static let letters: [String] = {
        var written: [String] = []
        var next: UInt32 = 256
        for byte in UInt32(0)..<256 {
            let isPrintable = (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte)
            written.append(Unicode.Scalar(isPrintable ? byte : next).map { String(Character($0)) } ?? "")
            if !isPrintable { next += 1 }
        }
        let first = Array(" etaoinshrdlucmfwypvbgkjqxz\n.,".utf8).map(Int.init)
        return (first + (0..<256).filter { !first.contains($0) }).map { written[$0] }
    }()
}
