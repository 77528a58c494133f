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
        var tokens: [(id: Int, end: Int)] = []
        var length = 0
        for token in try tokenize(bytes) {
            guard vocabulary.texts.indices.contains(token), let text = vocabulary.texts[token],
                bytes[length...].starts(with: text)
            else { break }
            length += text.count
            tokens.append((token, length))
        }
        if length < bytes.count {
            // The tokenizer wrote another text from here on; its last token may belong to that.
            return tokens.dropLast().map(\.id)
        }
        let settled = try settledLength(bytes)
        return tokens.prefix { $0.end <= settled }.map(\.id)
    }

    /// How many of the bytes that come next lie before any token that could reach beyond them.
    private mutating func settledLength(_ bytes: [UInt8]) throws -> Int {
        let trie = vocabulary.trie
        return try run { tables, current in
            var configuration = current
            for byte in bytes { configuration = try tables.step(configuration, byte) }
            var settled = bytes.count
            for start in bytes.indices.reversed() where bytes.count - start < trie.depth {
                guard let node = trie.node(of: bytes[start...]) else { continue }
                var child = node + 1
                while child < Int(trie.nodes[node].end) {
                    let entry = trie.nodes[child]
                    if try tables.step(configuration, entry.byte) != ParserTables.dead {
                        settled = start
                        break
                    }
                    child = Int(entry.end)
                }
            }
            return settled
        }
    }
}
