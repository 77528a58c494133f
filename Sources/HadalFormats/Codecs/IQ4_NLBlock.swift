import HadalCore

/// 32 elements: half scale `d`, 16 bytes of nibbles laid out as in Q4_0, each an index into a fixed table.
/// `x = d * levels[q]`.
enum IQ4_NLBlock: QuantBlock {
    static var dtype: DType { .iq4_nl }

    /// The format's table, ascending.
    static let levels: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

    static func decode(_ block: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<Float>) {
        let d = HalfFloat.load(block)
        levels.withUnsafeBufferPointer { levels in
            for i in 0..<16 {
                out[i] = d * levels[Int(block[2 + i] & 15)]
                out[i + 16] = d * levels[Int(block[2 + i] >> 4)]
            }
        }
    }
}

extension IQ4_NLBlock {
    static let table = LevelTable(levels)

    static func encode(_ values: UnsafePointer<Float>, _ block: UnsafeMutablePointer<UInt8>) {
        let d = ScaleSearch.table(values, 32, table)
        HalfFloat.store(d, block)
        let stored = HalfFloat.load(block)
        pack(values, inverse: stored == 0 ? 0 : 1 / stored, block + 2)
    }

    /// The nibbles of 32 elements.
    static func pack(_ values: UnsafePointer<Float>, inverse: Float, _ nibbles: UnsafeMutablePointer<UInt8>) {
        table.withCells { cells in
            for i in 0..<16 { nibbles[i] = cells.index(values[i] * inverse) | cells.index(values[i + 16] * inverse) << 4 }
        }
    }
}
