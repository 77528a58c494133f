import HadalBackend
import HadalCore
import HadalGraph

/// Weights on the device, laid out as kernels read them.
///
/// Parameter vectors are widened to float32, matrices keep their stored numbers. Weights share large allocations, since drivers
/// allow few of them. The same bytes under two names are kept once.
final class WeightStore {
    /// Where a weight lies, and how its rows do.
    struct Placed {
        var address: UInt64
        var rowWords = 0
        var sideWord = 0
        var scales: (address: UInt64, rows: Int, columns: Int, stride: Int)?
    }

    private struct Identity: Hashable {
        var address: UInt
        var dtype: DType
        var dims: [Int]
        var widened: Bool
    }

    private let segment: Segment
    private let transfer: Transfer
    /// Everything allocated, to be kept alive.
    private(set) var memory: [DeviceMemory] = []
    /// The allocation that small weights go to, and how much of it they take.
    private var current: DeviceMemory?
    private var used = 0
    private var placed: [Identity: Placed] = [:]
    private(set) var bytes = 0

    private static let blockBytes = 64 << 20

    init(_ segment: Segment, _ transfer: Transfer) {
        self.segment = segment
        self.transfer = transfer
    }

    func place(_ index: Int, widened: Bool) throws -> Placed {
        let weight = segment.graph.weights[index]
        guard segment.weights.indices.contains(index), let data = segment.weights[index].bytes, let base = data.baseAddress,
            data.count >= weight.bytes, weight.elements > 0
        else { throw HadalError(.invalidArgument, "weight '\(weight.name)' has no data") }
        let identity = Identity(address: UInt(bitPattern: base), dtype: weight.dtype, dims: weight.dims, widened: widened)
        if let known = placed[identity] { return known }
        var result: Placed
        if widened {
            let floats = try Self.widen(weight, base)
            result = Placed(
                address: try put(bytes: floats.count * 4) { piece, done in
                    floats.withUnsafeBytes { piece.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[done..<done + piece.count])) }
                })
        } else {
            result = try matrix(weight, base)
        }
        if let scales = segment.weights[index].scales {
            let count = scales.rows * scales.columns
            let address = try put(bytes: count * 4) { piece, done in
                let source = UnsafeRawBufferPointer(start: scales.values, count: count * 4)
                piece.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[done..<done + piece.count]))
            }
            result.scales = (address, scales.block.rows, scales.block.columns, scales.columns)
        }
        placed[identity] = result
        return result
    }

    private static func widen(_ weight: Graph.Weight, _ base: UnsafeRawPointer) throws -> [Float] {
        try (0..<weight.elements).map { i in
            switch weight.dtype {
            case .f32: base.loadUnaligned(fromByteOffset: 4 * i, as: Float.self)
            case .f16: Float(Float16(bitPattern: base.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)))
            case .bf16: Float(bitPattern: UInt32(base.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)) << 16)
            default: throw HadalError(.unsupported, "parameters of type \(weight.dtype.name) ('\(weight.name)')")
            }
        }
    }

    /// Words of a row on the device, and the first word of its side bytes; nil for rows that are not whole blocks.
    static func rowWords(_ dtype: DType, columns: Int) -> (words: Int, side: Int)? {
        guard let stored = dtype.byteCount(elements: columns) else { return nil }
        return BlockLayout(dtype).map { $0.row(blocks: columns / dtype.blockElements) } ?? ((stored + 15) / 16 * 4, 0)
    }

    private func matrix(_ weight: Graph.Weight, _ base: UnsafeRawPointer) throws -> Placed {
        guard let columns = weight.dims.last, let stored = weight.dtype.byteCount(elements: columns),
            let (words, side) = Self.rowWords(weight.dtype, columns: columns)
        else { throw HadalError(.unsupported, "weight '\(weight.name)' of shape \(weight.dims)") }
        let rows = weight.elements / columns
        let layout = BlockLayout(weight.dtype)
        let blocks = columns / weight.dtype.blockElements
        let rowBytes = words * 4
        let (total, overflow) = rowBytes.multipliedReportingOverflow(by: rows)
        guard !overflow, total / 4 <= Int(UInt32.max) else {
            throw HadalError(.outOfMemory, "weight '\(weight.name)' is too large to address")
        }
        // Kernels index a weight's words from its own start, so that a row may straddle two pieces of an upload.
        let address = try put(bytes: total) { piece, done in
            if layout == nil || layout?.sideBytes == 0, rowBytes == stored {
                piece.copyMemory(from: UnsafeRawBufferPointer(start: base + done, count: piece.count))
                return
            }
            withUnsafeTemporaryAllocation(byteCount: rowBytes, alignment: 16) { row in
                guard let start = row.baseAddress else { return }
                row.initializeMemory(as: UInt8.self, repeating: 0)
                var at = 0
                while at < piece.count {
                    let (index, within) = ((done + at) / rowBytes, (done + at) % rowBytes)
                    if let layout {
                        layout.pack(base + index * stored, blocks: blocks, into: start)
                    } else {
                        start.copyMemory(from: base + index * stored, byteCount: stored)
                    }
                    let count = min(rowBytes - within, piece.count - at)
                    UnsafeMutableRawBufferPointer(rebasing: piece[at..<at + count])
                        .copyMemory(from: UnsafeRawBufferPointer(start: start + within, count: count))
                    at += count
                }
            }
        }
        return Placed(address: address, rowWords: words, sideWord: side)
    }

    /// Room in the current block, or in one of its own for what is large.
    private func put(bytes count: Int, _ fill: (UnsafeMutableRawBufferPointer, Int) throws -> Void) throws -> UInt64 {
        let size = (max(count, 4) + 255) & ~255
        let target: DeviceMemory
        var offset = 0
        if size > Self.blockBytes / 4 {
            target = try DeviceMemory(transfer.context, bytes: size, purpose: .device)
            memory.append(target)
        } else if let current, used + size <= current.bytes {
            target = current
            offset = used
            used += size
        } else {
            target = try DeviceMemory(transfer.context, bytes: Self.blockBytes, purpose: .device)
            memory.append(target)
            current = target
            used = size
        }
        bytes += size
        try transfer.upload(to: target, offset: offset, bytes: count, fill)
        return target.address + UInt64(offset)
    }
}
