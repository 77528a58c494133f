package import HadalCore
import HadalFormats

/// The bytes of a weight: in place in a mapped file, or in memory of their own.
///
/// Thread safety: immutable. The bytes are valid while this value (or `owner`) lives.
package struct WeightData: Sendable {
    package let dtype: DType
    package let dims: [Int]
    /// Keeps `bytes` valid.
    package let owner: any AnyObject & Sendable
    /// True: the bytes lie in the model's file and cost no memory.
    package let isMapped: Bool
    /// Factors of float8 blocks, to be multiplied with what the bytes say; nil for none.
    package let scales: WeightScales?
    private let address: UInt
    private let count: Int

    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: count)
    }

    init(dtype: DType, dims: [Int], bytes: UnsafeRawBufferPointer, owner: any AnyObject & Sendable, isMapped: Bool) {
        self.dtype = dtype
        self.dims = dims
        self.owner = owner
        self.isMapped = isMapped
        scales = nil
        address = UInt(bitPattern: bytes.baseAddress)
        count = bytes.count
    }

    /// The same bytes with block scales.
    init(_ data: WeightData, scales: WeightScales?) {
        dtype = data.dtype
        dims = data.dims
        owner = data.owner
        isMapped = data.isMapped
        self.scales = scales
        address = data.address
        count = data.count
    }

    /// Float32 data in memory of their own.
    init(floats: [Float], dims: [Int]) {
        let buffer = OwnedBytes(count: floats.count * 4)
        floats.withUnsafeBytes { buffer.mutable.copyMemory(from: $0) }
        self.init(dtype: .f32, dims: dims, bytes: buffer.bytes, owner: buffer, isMapped: false)
    }
}

/// Memory that lives as long as the object, 64-byte aligned. Written once by its maker, then only read.
final class OwnedBytes: Sendable {
    private let address: UInt
    let count: Int

    init(count: Int) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 64)
        address = UInt(bitPattern: memory.baseAddress)
        self.count = count
    }

    deinit { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }

    var mutable: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: address), count: count)
    }
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(mutable) }
}

/// Keeps a model's files mapped.
final class SourceOwner: Sendable {
    let source: any ModelSource
    init(_ source: any ModelSource) { self.source = source }
}
