import HadalCore
import HadalFormats

/// The rows of a stored tensor.
struct StoredRows: RowNode {
    let tensor: TensorInfo
    let model: ModelFiles
    let rowBytes: Int
    var dims: [Int] { tensor.shape }

    init(_ tensor: TensorInfo, _ model: ModelFiles) throws {
        self.tensor = tensor
        self.model = model
        guard let bytes = tensor.dtype.byteCount(elements: tensor.shape.last ?? 1) else {
            throw HadalError(
                .mismatch, "rows of \(tensor.shape.last ?? 1) elements are not whole \(tensor.dtype.name) blocks", at: tensor.place)
        }
        rowBytes = bytes
        let (whole, overflow) = rowBytes.multipliedReportingOverflow(by: rowCount)
        guard !overflow, whole == tensor.byteCount else {
            throw HadalError(.malformed, "the tensor has \(tensor.byteCount) bytes; its type and shape require \(whole)", at: tensor.place)
        }
    }

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        // Parts of packed formats; no float format is stored as such.
        if tensor.dtype == .u8 || tensor.dtype == .i8 {
            return try withBytes(of: rows) { bytes in for (i, byte) in bytes.enumerated() { out[i] = Float(byte) } }
        }
        guard BlockCodec.dtypes.contains(tensor.dtype) else {
            throw HadalError(.unsupported, "the tensor holds \(tensor.dtype.name), not floating-point numbers", at: tensor.place)
        }
        try withBytes(of: rows) { try BlockCodec.decode(tensor.dtype, from: $0, into: out, count: rows.count * columns) }
    }

    /// The stored bytes of rows.
    func withBytes(of rows: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let first = rows.lowerBound * rowBytes
        let count = rows.count * rowBytes
        guard let range = model.fileRange(of: tensor) else {
            return try withExtendedLifetime(model) {
                try body(UnsafeRawBufferPointer(rebasing: model.bytes(of: tensor)[first..<first + count]))
            }
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 64)
        defer { buffer.deallocate() }
        if let base = buffer.baseAddress {
            let end = SystemIO.read(range.descriptor, at: UInt64(range.offset + first), into: base, count: count)
            guard end == .complete else {
                let reason = end == .endOfFile ? "the file ends in the middle of the tensor" : "cannot read: \(end.reason)"
                throw HadalError(.io, reason, at: tensor.place)
            }
        }
        try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
}
