import HadalBackend
import HadalCore
import HadalGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Packed matrices of a device, by where their bytes lie on disk: several graphs of one model hold one copy.
///
/// Memory belongs to the executables that use it and goes with the last of them.
final class PackedMatrices {
    /// One matrix in one state of one file.
    struct Key: Hashable {
        private var file: [Int]
        private var dtype: DType
        private var dims: [Int]

        /// nil for bytes that come from no file: an address alone may hold something else by the next time.
        init?(_ weight: Graph.Weight, _ data: Segment.WeightData) {
            guard let range = data.file, data.scales == nil else { return nil }
            var status = stat()
            guard fstat(range.descriptor, &status) == 0, let offset = Int(exactly: range.offset) else { return nil }
            #if os(Linux)
                let changed = status.st_mtim
            #else
                let changed = status.st_mtimespec
            #endif
            file = [
                Int(truncatingIfNeeded: status.st_dev), Int(truncatingIfNeeded: status.st_ino), Int(status.st_size), Int(changed.tv_sec),
                Int(changed.tv_nsec), offset,
            ]
            (dtype, dims) = (weight.dtype, weight.dims)
        }
    }

    /// Where a matrix is, and the memory that is part of.
    struct Place {
        var memory: HostMemory
        var pointer: UnsafeMutableRawPointer
    }

    private struct Entry {
        weak var memory: HostMemory?
        var pointer: UnsafeMutableRawPointer
    }

    private var entries: [Key: Entry] = [:]

    subscript(key: Key) -> Place? {
        get {
            guard let entry = entries[key], let memory = entry.memory else { return nil }
            return Place(memory: memory, pointer: entry.pointer)
        }
        set { entries[key] = newValue.map { Entry(memory: $0.memory, pointer: $0.pointer) } }
    }

    /// Forgets what is gone.
    func trim() { entries = entries.filter { $0.value.memory != nil } }
}
