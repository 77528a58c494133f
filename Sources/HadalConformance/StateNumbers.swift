import HadalCore
import HadalFormats
import HadalGraph

/// The rows of a state as numbers.
struct StateNumbers {
    private let values: [Double]
    private let dtype: DType
    /// Of a quantised type: the scale of each element's block.
    private let scales: [Double]

    init(_ bytes: [UInt8], _ layout: StateRow) {
        let dtype = layout.dtype, rows = bytes.count / layout.bytes, width = layout.width, block = dtype.blockElements
        self.dtype = dtype
        var decoded = [Float](repeating: 0, count: rows * width)
        decoded.withUnsafeMutableBufferPointer { out in
            bytes.withUnsafeBytes { raw in
                guard let from = raw.baseAddress, let to = out.baseAddress else { return }
                for row in 0..<rows { layout.decode(from + row * layout.bytes, count: width, into: to + row * width) }
            }
        }
        values = decoded.map { Double($0) }
        guard dtype.isQuantised else {
            scales = []
            return
        }
        scales = (0..<rows * width).map { i in
            let at = i / width * layout.bytes + i % width / block * dtype.blockBytes
            return Double(Float16(bitPattern: UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8))
        }
    }

    /// The worst element beyond one unit of rounding, or nil. A 32-bit cache holds the very numbers that came in.
    ///
    /// - Parameter tolerance: of a state of fixed size, whose numbers the op computes.
    func difference(_ other: StateNumbers, within tolerance: OpContract.Tolerance?) -> ConformanceComparison.Difference? {
        if let tolerance {
            return ConformanceComparison.elementwise(
                expected: values, got: other.values, absolute: tolerance.absolute, relative: tolerance.relative)
        }
        guard dtype.isQuantised else {
            let unit = dtype == .f32 ? 0 : (dtype == .f16 ? 0x1p-10 : 0x1p-7)
            return ConformanceComparison.elementwise(expected: values, got: other.values, absolute: unit * 0x1p-14, relative: unit)
        }
        let bounds = zip(scales, other.scales).map { max($0, $1) * 1.001 }
        return ConformanceComparison.elementwise(expected: values, got: other.values, "one step of the block's scale") { bounds[$0] }
    }
}
