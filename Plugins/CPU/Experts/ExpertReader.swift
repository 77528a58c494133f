import CHadalKernels
import CHadalSystem
import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The files that a layer's experts are read from.
///
/// Descriptors past the page cache are this object's own: what the system caches of a file beside our own cache is paid for twice.
/// Thread safety: immutable.
final class ExpertFiles: Sendable {
    private let direct: [Int32: Int32]

    /// - Parameter past: open the files past the page cache too, where the system can.
    init(_ layer: ExpertLayer, past: Bool) {
        var direct: [Int32: Int32] = [:]
        if past {
            for descriptor in Set(layer.parts.flatMap { $0.pieces.map(\.descriptor) }) {
                let own = hadal_system_open_direct(descriptor)
                if own >= 0 { direct[descriptor] = own }
            }
        }
        self.direct = direct
    }

    deinit { for own in direct.values { close(own) } }

    func past(_ descriptor: Int32) -> Int32? { direct[descriptor] }
}

/// Reads one expert at a time into its region: what one I/O thread works with.
///
/// Not thread-safe.
final class ExpertReader {
    private let staging: UnsafeMutableRawPointer
    private let capacity: Int
    private let tensors: UnsafeMutablePointer<hadal_kernel_tensor>
    private let arguments: UnsafeMutablePointer<hadal_kernel_args>
    private let context: UnsafeMutablePointer<hadal_kernel_thread>
    private let pack: Instruction.Function
    /// What reads past the page cache are aligned to, and their buffer.
    static let alignment = 4096

    /// - Parameter bytes: of the largest stored matrix.
    init(bytes: Int, pack: @escaping Instruction.Function) throws {
        capacity = (bytes / Self.alignment + 3) * Self.alignment
        guard let mapped = mmap(nil, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), mapped != MAP_FAILED else {
            throw HadalError(.outOfMemory, "cannot allocate \(capacity) bytes to read experts with")
        }
        staging = mapped
        self.pack = pack
        tensors = .allocate(capacity: 2)
        tensors.initialize(repeating: hadal_kernel_tensor(), count: 2)
        arguments = .allocate(capacity: 1)
        arguments.initialize(to: hadal_kernel_args())
        arguments.pointee.size = UInt32(MemoryLayout<hadal_kernel_args>.size)
        arguments.pointee.input_count = 1
        arguments.pointee.output_count = 1
        arguments.pointee.inputs = UnsafePointer(tensors)
        arguments.pointee.outputs = UnsafePointer(tensors + 1)
        context = .allocate(capacity: 1)
        context.initialize(to: hadal_kernel_thread())
        context.pointee.size = UInt32(MemoryLayout<hadal_kernel_thread>.size)
        context.pointee.count = 1
    }

    deinit {
        munmap(staging, capacity)
        tensors.deallocate()
        arguments.deallocate()
        context.deallocate()
    }

    /// Whether a matrix of `bytes` can be read with this reader.
    func fits(_ bytes: Int) -> Bool { bytes + 2 * Self.alignment <= capacity }

    /// What went wrong with a read.
    struct Failure {
        var part: String
        var expert: Int
        var end: SystemIO.ReadEnd
    }

    /// Reads and packs an expert. Returns what went wrong, or nil.
    func read(_ expert: Int, of layer: ExpertLayer, _ files: ExpertFiles, into region: UnsafeMutableRawPointer) -> Failure? {
        for part in layer.parts {
            let piece = part.pieces[expert]
            let target = region + part.offset
            var stored = UnsafeMutableRawPointer(staging)
            let end: SystemIO.ReadEnd
            if let own = files.past(piece.descriptor) {
                let skip = Int(piece.offset % UInt64(Self.alignment))
                let span = (skip + part.storedBytes + Self.alignment - 1) / Self.alignment * Self.alignment
                var result = SystemIO.read(
                    own, at: piece.offset - UInt64(skip), into: staging, count: span, needed: skip + part.storedBytes)
                // Some file systems open such a descriptor and then refuse to read.
                if result == .failed(EINVAL) {
                    result = SystemIO.read(piece.descriptor, at: piece.offset, into: staging + skip, count: part.storedBytes)
                }
                stored = staging + skip
                end = result
            } else {
                if part.packing == 0 { stored = target }
                end = SystemIO.read(piece.descriptor, at: piece.offset, into: stored, count: part.storedBytes)
            }
            guard end == .complete else { return Failure(part: part.name, expert: expert, end: end) }
            if part.packing == 0 {
                if stored != target { target.copyMemory(from: stored, byteCount: part.storedBytes) }
                continue
            }
            tensors[0] = hadal_kernel_tensor(
                data: stored, rows: Int64(part.rows), columns: Int64(part.columns), stride: Int64(part.rowBytes), dtype: part.dtype,
                packing: 0, symbol: 0, reserved: 0)
            tensors[1] = hadal_kernel_tensor(
                data: target, rows: Int64(part.rows), columns: Int64(part.columns), stride: 0, dtype: part.dtype, packing: part.packing,
                symbol: 0, reserved: 0)
            pack(arguments, context)
        }
        return nil
    }
}
