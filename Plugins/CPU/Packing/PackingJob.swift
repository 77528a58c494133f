import CHadalKernels
import HadalGraph

/// One weight to pack: a quantised matrix, or a stack of them.
struct PackingJob {
    var name: String
    var dtype: UInt32
    /// Matrices in the stack, and the extents of each.
    var matrices: Int
    var rows: Int
    var columns: Int
    /// Bytes of a stored row.
    var rowBytes: Int
    var packing: UInt32
    /// The stored rows as the host has them.
    var bytes: UnsafeRawPointer
    /// A file that they can be read from instead.
    var file: (descriptor: Int32, offset: UInt64)?
    /// Where the packed form goes; matrices follow each other, each in whole groups of rows.
    var target: UnsafeMutableRawPointer

    var storedBytes: Int { matrices * rows * rowBytes }
    var packedMatrixBytes: Int { Int(hadal_packed_bytes(packing, Int64(rows), Int64(columns))) }
    /// Stored bytes of a group of rows, which is packed at once.
    var groupBytes: Int { Int(HADAL_PACK_ROWS) * rowBytes }

    /// The call that packs `count` rows of one matrix from `first` on, which begins a group.
    func instruction(
        _ kernel: UnsafePointer<hadal_kernel>, matrix: Int, first: Int, count: Int, from stored: UnsafeRawPointer
    ) -> PlannedInstruction {
        let from = PlannedTensor(
            home: .constant(UnsafeMutableRawPointer(mutating: stored)), rows: .fixed(count), columns: columns, stride: rowBytes,
            dtype: dtype)
        let offset = matrix * packedMatrixBytes + Int(hadal_packed_bytes(packing, Int64(first), Int64(columns)))
        let to = PlannedTensor(
            home: .constant(target + offset), rows: .fixed(count), columns: columns, stride: 0, dtype: dtype, packing: packing)
        return PlannedInstruction(kernel: kernel, inputs: [from], outputs: [to], node: 0)
    }
}
