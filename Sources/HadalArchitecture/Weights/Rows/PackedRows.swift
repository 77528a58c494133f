import HadalCore
import HadalFormats

/// MXFP4 whose packed numbers and exponents are stored apart; see `MXFP4Assembly`.
struct PackedRows: RowNode {
    /// Bytes: 16 for each block of 32 numbers, as rows of 16 or as whole rows.
    let blocks: any RowNode
    /// Bytes: one for each block.
    let scales: any RowNode
    let dims: [Int]

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        let groups = columns / 32
        let count = rows.count * groups
        let perRow = blocks.rowCount == scales.rowCount ? 1 : groups
        let assembled = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count * 17, 1), alignment: 16)
        defer { assembled.deallocate() }
        try withFloats(count * 17) { bytes in
            let exponents = bytes + count * 16
            try blocks.read(rows.lowerBound * perRow..<rows.upperBound * perRow, into: bytes)
            try scales.read(rows, into: exponents)
            for block in 0..<count {
                assembled[block * 17] = UInt8(exponents[block])
                MXFP4Assembly.interleave({ UInt8(bytes[block * 16 + $0]) }, into: assembled, at: block * 17 + 1)
            }
        }
        try BlockCodec.decode(.mxfp4, from: UnsafeRawBufferPointer(assembled), into: out, count: count * 32)
    }
}
