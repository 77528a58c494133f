#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore

/// Page-aligned, zeroed host memory: what devices without buffers of their own compute on.
public final class HostBuffer: Buffer, @unchecked Sendable {
    public let bytes: Int
    public let pointer: UnsafeMutableRawPointer

    /// - Throws: `HadalError.outOfMemory`.
    public init(bytes: Int) throws {
        let size = max(bytes, 1)
        // Anonymous pages come zeroed and are only backed once touched: a cache costs what it holds, not what it could.
        guard let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), mapped != MAP_FAILED
        else {
            throw HadalError(.outOfMemory, "cannot allocate \(bytes) bytes of host memory")
        }
        self.bytes = bytes
        pointer = mapped
    }

    deinit { munmap(pointer, max(bytes, 1)) }

    public var hostPointer: UnsafeMutableRawPointer? { pointer }

    private func check(_ offset: Int, _ count: Int) throws {
        guard offset >= 0, count >= 0, offset <= bytes, count <= bytes - offset else {
            throw HadalError(.invalidArgument, "range \(offset)+\(count) is outside a buffer of \(bytes) bytes")
        }
    }

    public func write(offset: Int, from source: UnsafeRawBufferPointer) throws {
        try check(offset, source.count)
        if let base = source.baseAddress { memcpy(pointer + offset, base, source.count) }
    }

    public func read(offset: Int, into destination: UnsafeMutableRawBufferPointer) throws {
        try check(offset, destination.count)
        if let base = destination.baseAddress { memcpy(base, pointer + offset, destination.count) }
    }

    public func copy(from source: any Buffer, sourceOffset: Int, to offset: Int, bytes count: Int) throws {
        try check(offset, count)
        try source.read(offset: sourceOffset, into: UnsafeMutableRawBufferPointer(start: pointer + offset, count: count))
    }

    public func upload(offset: Int, file: Int32, fileOffset: UInt64, bytes count: Int) throws {
        try check(offset, count)
        let end = SystemIO.read(file, at: fileOffset, into: pointer + offset, count: count)
        guard end == .complete else { throw HadalError(.io, "reading \(count) bytes at \(fileOffset) failed: \(end.reason)") }
    }
}
