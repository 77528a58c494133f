/// A set of tokens of a vocabulary, 64 a word: token `i` is bit `i % 64` of word `i / 64`.
package struct TokenMask: Sendable, Hashable {
    /// Tokens of the vocabulary.
    package let tokenCount: Int
    package internal(set) var words: [UInt64]

    /// The empty set.
    package init(tokenCount: Int) {
        self.tokenCount = tokenCount
        words = [UInt64](repeating: 0, count: (tokenCount + 63) / 64)
    }

    /// Members, counted.
    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    package func contains(_ token: Int) -> Bool {
        token >= 0 && token < tokenCount && words[token >> 6] >> UInt64(token & 63) & 1 == 1
    }

    package mutating func insert(_ token: Int) { words[token >> 6] |= 1 << UInt64(token & 63) }

    mutating func remove(_ token: Int) { words[token >> 6] &= ~(1 << UInt64(token & 63)) }

    package mutating func removeAll() {
        for index in words.indices { words[index] = 0 }
    }

    /// - Parameter other: of the same vocabulary.
    package mutating func formUnion(_ other: TokenMask) { formUnion(other.words) }

    mutating func formUnion(_ other: [UInt64]) {
        let count = min(words.count, other.count)
        words.withUnsafeMutableBufferPointer { mine in
            other.withUnsafeBufferPointer { theirs in
                for index in 0..<count { mine[index] |= theirs[index] }
            }
        }
    }

    /// Members in ascending order.
    package var tokens: [Int] {
        var result: [Int] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                result.append(index << 6 + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return result
    }
}
