import HadalCore

/// How a row of quantised blocks lies on the device: whole words of every block, then what is left of each.
///
/// A block of Q8_0 is 34 bytes, so that every second one would start inside a word: its 32 codes go to the front, its float16 scale
/// to the back. `blocks.glsl` reads this layout. Rows start at multiples of 16 bytes.
struct BlockLayout {
    let payloadWords: Int
    let sideBytes: Int
    /// Where the side bytes lie in a stored block; the payload is the rest, in order.
    let sideOffset: Int
    let blockBytes: Int
    /// Whether `dots.glsl` knows the codes.
    let hasChunks: Bool

    init?(_ dtype: DType) {
        let (side, offset): (Int, Int)
        switch dtype {
        case .q4_0, .q5_0, .q8_0, .iq4_nl: (side, offset) = (2, 0)
        case .q6_K: (side, offset) = (2, 208)
        case .q3_K: (side, offset) = (2, 108)
        case .mxfp4: (side, offset) = (1, 0)
        case .q4_1, .q5_1, .q2_K, .q4_K, .q5_K, .iq4_xs: (side, offset) = (0, 0)
        default: return nil
        }
        guard let bytes = dtype.byteCount(elements: dtype.blockElements) else { return nil }
        blockBytes = bytes
        hasChunks = [.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K].contains(dtype)
        sideBytes = side
        sideOffset = offset
        payloadWords = (bytes - side) / 4
    }

    /// Words of a row of so many blocks, and the first word of its side bytes.
    func row(blocks: Int) -> (words: Int, side: Int) {
        ((blocks * payloadWords + (blocks * sideBytes + 3) / 4 + 3) & ~3, blocks * payloadWords)
    }

    /// Lays one stored row out.
    func pack(_ source: UnsafeRawPointer, blocks: Int, into target: UnsafeMutableRawPointer) {
        let payload = payloadWords * 4
        if sideBytes == 0 {
            target.copyMemory(from: source, byteCount: blocks * blockBytes)
            return
        }
        let sides = target + blocks * payload
        for block in 0..<blocks {
            let from = source + block * blockBytes, to = target + block * payload
            if sideOffset > 0 { to.copyMemory(from: from, byteCount: sideOffset) }
            (to + sideOffset).copyMemory(from: from + sideOffset + sideBytes, byteCount: payload - sideOffset)
            (sides + block * sideBytes).copyMemory(from: from + sideOffset, byteCount: sideBytes)
        }
    }
}
