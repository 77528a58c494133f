import HadalCore
import HadalFormats

/// Encoded chunks of random numbers, from which a large tensor is put together.
///
/// Encoding billions of numbers would take hours; encoding a quarter of a million and choosing among their chunks takes as
/// long as the disk. The numbers are normal with the tensor's own deviation.
struct BlockPool {
    /// Elements of a chunk: whole blocks of every type.
    static let chunkElements = 256
    private static let chunks = 1024

    private let dtype: DType
    private let bytes: [UInt8]
    private let chunkBytes: Int

    init(_ dtype: DType, deviation: Float, seed: UInt64) throws {
        let count = Self.chunks * Self.chunkElements
        guard let size = dtype.byteCount(elements: count) else {
            throw HadalError(.unsupported, "\(dtype.name) has no blocks that divide \(Self.chunkElements) elements")
        }
        var random = SplitMix64(seed: seed, label: "\(dtype.name) \(deviation.bitPattern)")
        let values = (0..<count).map { _ in random.normal() * deviation }
        let encoded = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { encoded.deallocate() }
        try values.withUnsafeBufferPointer { floats in
            guard let base = floats.baseAddress else { return }
            try BlockCodec.encode(dtype, from: base, into: encoded, count: count)
        }
        self.dtype = dtype
        bytes = Array(encoded)
        chunkBytes = size / Self.chunks
    }

    /// Gives the bytes of a tensor of `total` bytes in pieces of about a megabyte.
    func produce(total: Int, random: SplitMix64, _ sink: TensorSource.Sink) throws {
        var random = random
        let perPiece = max(1, (1 << 20) / chunkBytes)
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: perPiece * chunkBytes, alignment: 16)
        defer { piece.deallocate() }
        var left = total
        try bytes.withUnsafeBytes { pool in
            guard let target = piece.baseAddress, let source = pool.baseAddress else { return }
            while left > 0 {
                for k in 0..<perPiece {
                    let choice = Int(truncatingIfNeeded: random.next() & UInt64(Self.chunks - 1))
                    (target + k * chunkBytes).copyMemory(from: source + choice * chunkBytes, byteCount: chunkBytes)
                }
                let count = min(left, piece.count)
                try sink(UnsafeRawBufferPointer(start: target, count: count))
                left -= count
            }
        }
    }
}
