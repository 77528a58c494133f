import HadalCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file mapped range by range, for a process whose address space does not hold all of it.
///
/// A window stays until it is discarded or the object goes; asking for the same range again gives the same window.
/// Thread safety: any thread.
final class FileWindows: Sendable {
    let path: String
    let count: Int
    let descriptor: Int32
    private let windows = Mutex<[Range<Int>: UInt]>([:])
    /// The file's beginning, where headers are.
    let head: Range<Int>
    private let headAddress: UInt

    /// Most bytes of a file's beginning that are mapped: more than headers have.
    private static let headBytes = 128 << 20

    /// Takes over an open file.
    init(path: String, descriptor: Int32, count: Int) throws {
        self.path = path
        self.descriptor = descriptor
        self.count = count
        var bytes = min(count, Self.headBytes)
        var address = UInt(bitPattern: mmap(nil, bytes, PROT_READ, MAP_SHARED, descriptor, 0))
        while address == UInt(bitPattern: MAP_FAILED), bytes > 1 << 20 {
            bytes /= 2
            address = UInt(bitPattern: mmap(nil, bytes, PROT_READ, MAP_SHARED, descriptor, 0))
        }
        guard address != UInt(bitPattern: MAP_FAILED) else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw HadalError(.io, "cannot map the first \(bytes) bytes: \(reason)", at: SourcePlace(path))
        }
        head = 0..<bytes
        headAddress = address
    }

    deinit {
        windows.withLock { all in
            for (range, address) in all { munmap(UnsafeMutableRawPointer(bitPattern: address), range.count) }
        }
        munmap(UnsafeMutableRawPointer(bitPattern: headAddress), head.count)
        close(descriptor)
    }

    var headBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: headAddress), count: head.count)
    }

    /// A range of the file. Valid until it is discarded.
    func bytes(_ range: Range<Int>) throws -> UnsafeRawBufferPointer {
        guard !range.isEmpty else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        if range.upperBound <= head.upperBound { return UnsafeRawBufferPointer(rebasing: headBytes[range]) }
        let page = max(1, Int(sysconf(Int32(_SC_PAGESIZE))))
        let from = range.lowerBound / page * page
        let window = from..<range.upperBound
        let address = try windows.withLock { all -> UInt in
            if let known = all[window] { return known }
            guard let mapped = mmap(nil, window.count, PROT_READ, MAP_SHARED, descriptor, off_t(from)), mapped != MAP_FAILED else {
                throw HadalError(
                    .outOfMemory, "cannot map \(window.count) bytes at \(from): \(String(cString: strerror(errno)))", at: SourcePlace(path))
            }
            all[window] = UInt(bitPattern: mapped)
            return UInt(bitPattern: mapped)
        }
        return UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address + UInt(range.lowerBound - from)), count: range.count)
    }

    /// Copies a range of a file, which need not be mapped. Zeros stand for what cannot be read.
    static func copy(_ range: Range<Int>, of descriptor: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: range.count)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            _ = SystemIO.read(descriptor, at: UInt64(range.lowerBound), into: base, count: buffer.count)
        }
        return bytes
    }

    /// Unmaps the windows that lie within a range.
    func discard(_ range: Range<Int>) {
        let page = max(1, Int(sysconf(Int32(_SC_PAGESIZE))))
        let lower = range.lowerBound / page * page
        windows.withLock { all in
            for (window, address) in all where window.lowerBound >= lower && window.upperBound <= range.upperBound {
                munmap(UnsafeMutableRawPointer(bitPattern: address), window.count)
                all[window] = nil
            }
        }
    }
}
