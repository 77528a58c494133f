/// SentencePiece BPE of one text: neighbours merge while their joined text is a token, the highest score first.
///
/// Immutable after it is built; any thread may encode with a workspace of its own.
struct SentencePieceModel: Sendable {
    let table: TokenTable
    /// One per token.
    let scores: [Float]
    /// What the bytes of a character that is no token become; -1 drops a byte.
    let byteIDs: [Int32]

    /// Appends the ids of a text, which must be valid UTF-8 of less than 2 GiB.
    func encode(_ text: UnsafeBufferPointer<UInt8>, _ work: inout MergeWorkspace, into ids: inout [Int32]) {
        guard !text.isEmpty else { return }
        work.removeAll()
        var at = 0
        while at < text.count {
            let length = min(UTF8Text.length(text[at]), text.count - at)
            work.append(id: -1, start: at, length: length)
            at += length
        }
        for left in 0..<work.symbols.count { propose(left, text, &work) }
        while let candidate = work.queue.pop() {
            let left = candidate.position
            let symbol = work.symbols[left]
            guard symbol.length > 0, symbol.next >= 0,
                symbol.length + work.symbols[Int(symbol.next)].length == candidate.check
            else { continue }
            work.join(left, id: -1)
            if symbol.previous >= 0 { propose(Int(symbol.previous), text, &work) }
            propose(left, text, &work)
        }
        var index: Int32 = 0
        while index >= 0 {
            let symbol = work.symbols[Int(index)]
            index = symbol.next
            let piece = text[Int(symbol.start)..<Int(symbol.start + symbol.length)]
            if let id = table.find(UnsafeBufferPointer(rebasing: piece)) {
                ids.append(id)
            } else {
                for byte in piece where byteIDs[Int(byte)] >= 0 { ids.append(byteIDs[Int(byte)]) }
            }
        }
    }

    private func propose(_ left: Int, _ text: UnsafeBufferPointer<UInt8>, _ work: inout MergeWorkspace) {
        let symbol = work.symbols[left]
        guard symbol.next >= 0 else { return }
        let length = symbol.length + work.symbols[Int(symbol.next)].length
        let piece = UnsafeBufferPointer(rebasing: text[Int(symbol.start)..<Int(symbol.start + length)])
        guard let id = table.find(piece), Int(id) < scores.count else { return }
        work.queue.push(.init(key: UInt64(~Self.ordered(scores[Int(id)])) << 32 | UInt64(left), check: length))
    }

    /// Bits that order as the floats do. Adding zero makes one of the two zeros.
    @inline(__always)
    private static func ordered(_ score: Float) -> UInt32 {
        let bits = (score + 0).bitPattern
        return bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    }
}
