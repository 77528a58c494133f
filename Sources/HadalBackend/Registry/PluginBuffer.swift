import CHadalPlugin
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore

/// Memory that a plugin's device owns. Where the plugin leaves a function out, the host does its work with the others.
final class PluginBuffer: Buffer, @unchecked Sendable {
    /// What passes through the host at a time when bytes cannot go straight.
    static let chunk = 1 << 20

    let bytes: Int
    let handle: OpaquePointer
    let hostPointer: UnsafeMutableRawPointer?
    private let device: PluginDevice
    private var table: PluginTable { device.table }

    /// Takes ownership of `handle`.
    init(_ device: PluginDevice, _ handle: OpaquePointer, bytes: Int) {
        self.device = device
        self.handle = handle
        self.bytes = bytes
        hostPointer = device.table.raw.buffer_host_pointer?(handle)
    }

    deinit { table.raw.buffer_release?(handle) }

    private func check(_ offset: Int, _ count: Int) throws {
        guard offset >= 0, count >= 0, offset <= bytes, count <= bytes - offset else {
            throw HadalError(.invalidArgument, "range \(offset)+\(count) is outside a buffer of \(bytes) bytes")
        }
    }

    private func missing(_ function: String) -> HadalError {
        HadalError(.unsupported, "\(device.plugin.name): cannot \(function) a buffer that is not mapped in host memory")
    }

    private func check(_ failure: UnsafeMutablePointer<hadal_error>?) throws {
        if let failure { throw HadalError(taking: failure, from: device.plugin.name) }
    }

    func write(offset: Int, from source: UnsafeRawBufferPointer) throws {
        try check(offset, source.count)
        guard let base = source.baseAddress, source.count > 0 else { return }
        if let write = table.raw.buffer_write {
            try check(write(handle, UInt64(offset), base, UInt64(source.count)))
        } else if let hostPointer {
            memmove(hostPointer + offset, base, source.count)
        } else {
            throw missing("write")
        }
    }

    func read(offset: Int, into destination: UnsafeMutableRawBufferPointer) throws {
        try check(offset, destination.count)
        guard let base = destination.baseAddress, destination.count > 0 else { return }
        if let read = table.raw.buffer_read {
            try check(read(handle, UInt64(offset), base, UInt64(destination.count)))
        } else if let hostPointer {
            memmove(base, hostPointer + offset, destination.count)
        } else {
            throw missing("read")
        }
    }

    func copy(from source: any Buffer, sourceOffset: Int, to offset: Int, bytes count: Int) throws {
        try check(offset, count)
        guard sourceOffset >= 0, sourceOffset <= source.bytes, count <= source.bytes - sourceOffset else {
            throw HadalError(.invalidArgument, "range \(sourceOffset)+\(count) is outside a buffer of \(source.bytes) bytes")
        }
        guard count > 0 else { return }
        if let copy = table.raw.buffer_copy, let own = source as? PluginBuffer, own.device === device {
            return try check(copy(handle, UInt64(offset), own.handle, UInt64(sourceOffset), UInt64(count)))
        }
        if let hostPointer { return try source.read(offset: sourceOffset, into: .init(start: hostPointer + offset, count: count)) }
        try throughHost(count) { done, chunk in
            try source.read(offset: sourceOffset + done, into: chunk)
            try write(offset: offset + done, from: UnsafeRawBufferPointer(chunk))
        }
    }

    func upload(offset: Int, file: Int32, fileOffset: UInt64, bytes count: Int) throws {
        try check(offset, count)
        guard count > 0 else { return }
        guard let end = Int64(exactly: fileOffset), !end.addingReportingOverflow(Int64(count)).overflow else {
            throw HadalError(.invalidArgument, "range \(fileOffset)+\(count) is outside any file")
        }
        if let upload = table.raw.buffer_upload {
            return try check(upload(handle, UInt64(offset), file, fileOffset, UInt64(count)))
        }
        if let hostPointer { return try Self.read(file, at: fileOffset, into: .init(start: hostPointer + offset, count: count)) }
        try throughHost(count) { done, chunk in
            try Self.read(file, at: fileOffset + UInt64(done), into: chunk)
            try write(offset: offset + done, from: UnsafeRawBufferPointer(chunk))
        }
    }

    private func throughHost(_ count: Int, _ body: (Int, UnsafeMutableRawBufferPointer) throws -> Void) throws {
        let bounce = UnsafeMutableRawBufferPointer.allocate(byteCount: min(count, Self.chunk), alignment: 64)
        defer { bounce.deallocate() }
        var done = 0
        while done < count {
            let part = min(bounce.count, count - done)
            try body(done, UnsafeMutableRawBufferPointer(rebasing: bounce[..<part]))
            done += part
        }
    }

    private static func read(_ file: Int32, at offset: UInt64, into destination: UnsafeMutableRawBufferPointer) throws {
        guard let base = destination.baseAddress else { return }
        let end = SystemIO.read(file, at: offset, into: base, count: destination.count)
        guard end == .complete else { throw HadalError(.io, "reading \(destination.count) bytes at \(offset) failed: \(end.reason)") }
    }
}
