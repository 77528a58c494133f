import HadalCore
import TestSupport
import Testing

@testable import HadalText

@Suite struct BPEModelTests {
    /// Merges written down naively: the best pair of the whole word, again and again.
    private func naive(_ word: [UInt8], _ model: BPEModel) -> [Int32] {
        var ids = word.map { byte in model.table.find([byte]) ?? -1 }
        while true {
            var best: (rank: UInt64, at: Int, id: Int32)?
            for at in 0..<max(0, ids.count - 1) {
                guard let found = model.merges.find(PairTable.key(ids[at], ids[at + 1])) else { continue }
                if best == nil || found >> 32 < best?.rank ?? 0 { best = (found >> 32, at, Int32(truncatingIfNeeded: found & 0xFFFF_FFFF)) }
            }
            guard let best else { return ids }
            ids.replaceSubrange(best.at...best.at + 1, with: [best.id])
        }
    }

    @Test func mergesAsTheDefinitionSays() throws {
        guard case .bpe(let model) = try TokenizerFixtures.tokenizer("byte_level").parts.model else { return #expect(Bool(false)) }
        var generator = SeededGenerator(seed: 3)
        var work = MergeWorkspace()
        for _ in 0..<2000 {
            let word = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                Array("theandoinrs".utf8).randomElement(using: &generator) ?? 0
            }
            var ids: [Int32] = []
            word.withUnsafeBufferPointer { model.encode($0, &work, into: &ids) }
            #expect(ids == naive(word, model), "\(String(decoding: word, as: UTF8.self))")
        }
    }

    @Test func longWordsTakeNoQuadraticTime() throws {
        let byteLevel = try TokenizerFixtures.tokenizer("byte_level")
        let pieces = try Tokenizer(TokenizerFixtures.sentencePiece())
        let clock = ContinuousClock()
        for text in [String(repeating: "the", count: 100_000), String(repeating: " ", count: 300_000) + "x"] {
            for tokenizer in [byteLevel, pieces] {
                var decoded = ""
                let took = try clock.measure { decoded = try tokenizer.decode(tokenizer.encode(text)) }
                #expect(decoded == text)
                #expect(took < .seconds(60))
            }
        }
    }
}
