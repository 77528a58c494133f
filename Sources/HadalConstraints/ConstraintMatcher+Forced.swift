import HadalCore

extension ConstraintMatcher {
    private static let mostForcedBytes = 1 << 14

    /// The bytes that come next whatever is sampled. Empty where there is a choice, or where the text may end.
    package mutating func forcedBytes() throws -> [UInt8] {
        if isEnded { return [] }
        return try run { tables, current in
            var configuration = current
            var result: [UInt8] = []
            while result.count < ConstraintMatcher.mostForcedBytes, !tables.configurations[Int(configuration)].canEnd {
                let only = try tables.onlyByte(configuration)
                guard only >= 0 else { break }
                result.append(UInt8(only))
                configuration = try tables.step(configuration, UInt8(only))
            }
            return result
        }
    }

    /// The tokens that come next whatever is sampled, as a model would write them: the last tokens are left out where what follows could
    /// make other tokens of them.
    ///
    /// - Parameter tokenize: the tokens of a text. They are used as far as their texts are the text's.
    package mutating func forcedTokens(_ tokenize: ([UInt8]) throws -> [Int]) throws -> [Int] {
        let bytes = try forcedBytes()
        if bytes.isEmpty { return [] }
        var tokens: [Int] = []
        var ends: [Int] = []
        var length = 0
        for token in try tokenize(bytes) {
            guard vocabulary.texts.indices.contains(token), let text = vocabulary.texts[token],
                bytes[length...].starts(with: text)
            else { break }
            length += text.count
            tokens.append(token)
            ends.append(length)
        }
        if length < bytes.count {
            // The tokenizer wrote another text from here on; its last token may belong to that.
            return Array(tokens.dropLast())
        }
        let vocabulary = vocabulary
        return try run { tables, current in
            var configuration = current
            for byte in bytes { configuration = try tables.step(configuration, byte) }
            var kept = tokens.count
            for index in tokens.indices.reversed() {
                let start = index == 0 ? 0 : ends[index - 1]
                guard bytes.count - start < vocabulary.trie.depth else { break }
                guard let node = vocabulary.trie.node(of: bytes[start...]) else { continue }
                var child = node + 1
                let end = Int(vocabulary.trie.nodes[node].end)
                while child < end {
                    let entry = vocabulary.trie.nodes[child]
                    if try tables.step(configuration, entry.byte) != ParserTables.dead {
                        kept = index
                        break
                    }
                    child = Int(entry.end)
                }
            }
            return Array(tokens.prefix(kept))
        }
    }
}
