/// Byte pair encoding of one word.
///
/// Immutable after it is built; any thread may encode with a workspace of its own. Cost: O(n log n) for a word of n bytes.
struct BPEModel: Sendable {
    /// What becomes of a character, or of a merged symbol, that is no token.
    enum Unknown: Sendable {
        case drop
        /// One unknown token, or one for a whole run of them.
        case token(Int32, fuse: Bool)
        /// The tokens of the symbol's bytes, once merging is done; -1 drops a byte.
        case bytesAfterMerging([Int32])
    }

    /// The vocabulary, followed by strings that occur in merges without being tokens.
    let table: TokenTable
    /// Ids below this are tokens.
    let tokenCount: Int
    /// Pair of ids to rank (upper half) and merged id (lower half).
    let merges: PairTable
    let ignoreMerges: Bool
    /// The tokens `<0x00>` to `<0xFF>` that unknown characters fall back to before merging; empty for none.
    let byteFallback: [Int32]
    let unknown: Unknown
    /// A run of newlines that is a token is not merged.
    let wholeNewlineRuns: Bool
    /// Ids of the characters below U+0800, -1 for none.
    private let shortCharacters: [Int32]

    init(
        table: TokenTable, tokenCount: Int, merges: PairTable, ignoreMerges: Bool, byteFallback: [Int32], unknown: Unknown,
        wholeNewlineRuns: Bool = false
    ) {
        self.table = table
        self.tokenCount = tokenCount
        self.merges = merges
        self.ignoreMerges = ignoreMerges
        self.byteFallback = byteFallback.contains(-1) ? [] : byteFallback
        self.unknown = unknown
        self.wholeNewlineRuns = wholeNewlineRuns
        shortCharacters = (0..<0x800).map { value in
            let bytes: [UInt8] = value < 0x80 ? [UInt8(value)] : [0xC0 | UInt8(value >> 6), 0x80 | UInt8(value & 0x3F)]
            return table.find(bytes) ?? -1
        }
    }

    /// Appends the ids of a word, which must be valid UTF-8 of less than 2 GiB.
    func encode(_ word: UnsafeBufferPointer<UInt8>, _ work: inout MergeWorkspace, into ids: inout [Int32]) {
        guard !word.isEmpty else { return }
        if ignoreMerges || (wholeNewlineRuns && word.allSatisfy { $0 == 0x0A }) {
            if let id = table.find(word), Int(id) < tokenCount { return ids.append(id) }
        }
        work.removeAll()
        addCharacters(of: word, to: &work)
        merge(&work)
        append(work, word, to: &ids)
    }

    private func addCharacters(of word: UnsafeBufferPointer<UInt8>, to work: inout MergeWorkspace) {
        var run: (start: Int, length: Int)?
        func flush(_ work: inout MergeWorkspace) {
            if case .token(let id, _) = unknown, let open = run { work.append(id: id, start: open.start, length: open.length) }
            run = nil
        }
        var at = 0
        while at < word.count {
            let length = min(UTF8Text.length(word[at]), word.count - at)
            defer { at += length }
            let id = character(word, at, length)
            if id >= 0 {
                flush(&work)
                work.append(id: id, start: at, length: length)
            } else if !byteFallback.isEmpty {
                flush(&work)
                for i in at..<at + length { work.append(id: byteFallback[Int(word[i])], start: i, length: 1) }
            } else {
                switch unknown {
                case .drop: break
                case .bytesAfterMerging: work.append(id: -1, start: at, length: length)
                case .token(_, let fuse):
                    if fuse, let open = run {
                        run = (open.start, open.length + length)
                    } else {
                        flush(&work)
                        run = (at, length)
                    }
                }
            }
        }
        flush(&work)
    }

    @inline(__always)
    private func character(_ word: UnsafeBufferPointer<UInt8>, _ at: Int, _ length: Int) -> Int32 {
        switch length {
        case 1: return word[at] < 0x80 ? shortCharacters[Int(word[at])] : -1
        case 2: return shortCharacters[Int(word[at] & 0x1F) << 6 | Int(word[at + 1] & 0x3F)]
        default: return table.find(UnsafeBufferPointer(rebasing: word[at..<at + length])) ?? -1
        }
    }

    private func merge(_ work: inout MergeWorkspace) {
        guard work.symbols.count > 1 else { return }
        for left in 0..<work.symbols.count - 1 { propose(left, &work) }
        while let candidate = work.queue.pop() {
            let left = candidate.position
            guard work.symbols[left].length > 0, let found = pair(at: left, work),
                Int32(truncatingIfNeeded: found & 0xFFFF_FFFF) == candidate.check
            else { continue }
            work.join(left, id: candidate.check)
            if work.symbols[left].previous >= 0 { propose(Int(work.symbols[left].previous), &work) }
            propose(left, &work)
        }
    }

    @inline(__always)
    private func pair(at left: Int, _ work: MergeWorkspace) -> UInt64? {
        let symbol = work.symbols[left]
        guard symbol.next >= 0, symbol.id >= 0 else { return nil }
        let right = work.symbols[Int(symbol.next)].id
        return right < 0 ? nil : merges.find(PairTable.key(symbol.id, right))
    }

    @inline(__always)
    private func propose(_ left: Int, _ work: inout MergeWorkspace) {
        guard let found = pair(at: left, work) else { return }
        work.queue.push(.init(key: (found & ~0xFFFF_FFFF) | UInt64(left), check: Int32(truncatingIfNeeded: found & 0xFFFF_FFFF)))
    }

    private func append(_ work: MergeWorkspace, _ word: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
        var at: Int32 = work.symbols.isEmpty ? -1 : 0
        while at >= 0 {
            let symbol = work.symbols[Int(at)]
            at = symbol.next
            if symbol.id >= 0, Int(symbol.id) < tokenCount {
                ids.append(symbol.id)
            } else if case .bytesAfterMerging(let bytes) = unknown {
                for byte in word[Int(symbol.start)..<Int(symbol.start + symbol.length)] where bytes[Int(byte)] >= 0 {
                    ids.append(bytes[Int(byte)])
                }
            }
        }
    }
}
