import HadalCache
import Testing

@Suite("Block keys")
struct BlockKeyTests {
    private func key(_ blocks: [[Int32]], _ identity: String = "model", salt: [UInt8] = []) -> BlockKey {
        blocks.reduce(BlockKey(identity: identity, salt: salt)) { parent, tokens in
            tokens.withUnsafeBufferPointer { BlockKey(after: parent, tokens: $0) }
        }
    }

    @Test("a key depends on the model, the salt, and every token in its place")
    func keys() {
        let keys = [
            key([]), key([], "other"), key([], salt: [1]), key([[1, 2], [3, 4]]), key([[1, 2], [4, 3]]), key([[3, 4], [1, 2]]),
            key([[1, 2]]), key([[1, 2]], salt: [1]), key([[1, 2, 3, 4]]),
        ]
        #expect(Set(keys).count == keys.count)
        #expect(Set(keys.map(\.bytes)).count == keys.count && keys.allSatisfy { $0.bytes.count == 32 })
        #expect(key([[1, 2], [3, 4]]) == key([[1, 2], [3, 4]]))
    }
}
