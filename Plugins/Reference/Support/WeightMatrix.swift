import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// A constant tensor as rows of stored elements, decoded a row at a time.
///
/// A tensor of rank 1 is one row; of rank 3, the rows of all matrices one after the other. Rank-3 float8 weights carry
/// their matrices' scales one after the other too.
struct WeightMatrix: @unchecked Sendable {
    let rows: Int
    let columns: Int
    private let dtype: DType
    private let rowBytes: Int
    private let base: UnsafeRawPointer?
    private let scales: Segment.BlockScales?
    /// Rows of one matrix, and rows of scales that it has.
    private let matrixRows: Int
    private let matrixScaleRows: Int

    /// - Throws: `HadalError.unsupported` for a type that cannot be decoded, `mismatch` when shape, bytes or scales disagree.
    init(_ weight: Graph.Weight, _ data: Segment.WeightData) throws {
        guard BlockCodec.dtypes.contains(weight.dtype) else {
            throw HadalError(.unsupported, "weight '\(weight.name)' is \(weight.dtype.name), which cannot be decoded")
        }
        guard !weight.dims.isEmpty, weight.dims.allSatisfy({ $0 > 0 }) else {
            throw HadalError(.mismatch, "weight '\(weight.name)' has an empty shape")
        }
        columns = weight.dims[weight.dims.count - 1]
        var count = 1
        for dim in weight.dims.dropLast() {
            let (product, overflow) = count.multipliedReportingOverflow(by: dim)
            guard !overflow else { throw HadalError(.limitExceeded, "weight '\(weight.name)' is too large") }
            count = product
        }
        rows = count
        dtype = weight.dtype
        guard let bytes = dtype.byteCount(elements: columns), !rows.multipliedReportingOverflow(by: bytes).overflow else {
            throw HadalError(
                .mismatch, "weight '\(weight.name)': rows of \(columns) are not whole blocks of \(dtype.blockElements) (\(dtype.name))")
        }
        rowBytes = bytes
        base = data.bytes?.baseAddress
        if let bytes = data.bytes, bytes.count < rows * rowBytes {
            throw HadalError(.mismatch, "weight '\(weight.name)' needs \(rows * rowBytes) bytes, but \(bytes.count) are given")
        }
        scales = data.scales
        matrixRows = weight.dims.count > 1 ? weight.dims[weight.dims.count - 2] : 1
        if let scales {
            guard scales.block.rows > 0, scales.block.columns > 0 else {
                throw HadalError(.mismatch, "weight '\(weight.name)' has empty scale blocks")
            }
            matrixScaleRows = (matrixRows + scales.block.rows - 1) / scales.block.rows
            let wantedColumns = (columns + scales.block.columns - 1) / scales.block.columns
            guard scales.rows == rows / matrixRows * matrixScaleRows, scales.columns == wantedColumns else {
                throw HadalError(
                    .mismatch,
                    "weight '\(weight.name)' has \(scales.rows) x \(scales.columns) scales; its shape requires "
                        + "\(rows / matrixRows * matrixScaleRows) x \(wantedColumns)")
            }
        } else {
            matrixScaleRows = 0
        }
    }

    /// Writes row `row` as `columns` floats.
    func decode(row: Int, into out: UnsafeMutablePointer<Float>) {
        guard let base else { return }
        let source = UnsafeRawBufferPointer(start: base + row * rowBytes, count: rowBytes)
        // Type and length were checked when the matrix was made; a row that could not be decoded would be seen as NaN.
        do { try BlockCodec.decode(dtype, from: source, into: out, count: columns) } catch {
            out.update(repeating: .nan, count: columns)
        }
        guard let scales else { return }
        let scaleRow = row / matrixRows * matrixScaleRows + row % matrixRows / scales.block.rows
        let values = scales.values + scaleRow * scales.columns
        for i in 0..<columns { out[i] *= values[i / scales.block.columns] }
    }

    /// One row as an array: for norms, biases and the like.
    func vector(row: Int = 0) -> [Float] {
        [Float](unsafeUninitializedCapacity: columns) { buffer, count in
            if let start = buffer.baseAddress { decode(row: row, into: start) }
            count = columns
        }
    }
}
