import CVulkan
import HadalBackend
import HadalCore

/// Device memory as the host sees it: read and written through mappings or a staging buffer.
final class VulkanBuffer: Buffer, @unchecked Sendable {
    let memory: DeviceMemory
    let bytes: Int
    private let transfer: Transfer

    init(_ transfer: Transfer, bytes: Int) throws {
        memory = try DeviceMemory(transfer.context, bytes: bytes, purpose: .device)
        self.bytes = bytes
        self.transfer = transfer
        // The host counts on zeros, as a fresh mapping has them.
        try transfer.clear(memory)
    }

    /// Host memory that the device reads and writes where it is. The memory outlives the buffer.
    init(_ transfer: Transfer, importing host: UnsafeMutableRawBufferPointer) throws {
        memory = try DeviceMemory(transfer.context, importing: host)
        bytes = host.count
        self.transfer = transfer
    }

    var hostPointer: UnsafeMutableRawPointer? { memory.pointer }

    private func range(_ offset: Int, _ count: Int) throws {
        guard offset >= 0, count >= 0, offset <= bytes, count <= bytes - offset else {
            throw HadalError(.invalidArgument, "range \(offset)+\(count) is outside a buffer of \(bytes) bytes")
        }
    }

    func write(offset: Int, from source: UnsafeRawBufferPointer) throws {
        try range(offset, source.count)
        try transfer.write(source, to: memory, offset: offset)
    }

    func read(offset: Int, into destination: UnsafeMutableRawBufferPointer) throws {
        try range(offset, destination.count)
        try transfer.read(memory, offset: offset, into: destination)
    }

    func copy(from source: any Buffer, sourceOffset: Int, to offset: Int, bytes count: Int) throws {
        guard let source = source as? VulkanBuffer, source.memory.context === memory.context else {
            throw HadalError(.invalidArgument, "both buffers of a copy must belong to one device")
        }
        try range(offset, count)
        try source.range(sourceOffset, count)
        try transfer.copy(from: source.memory, sourceOffset, to: memory, offset, count)
    }

    func upload(offset: Int, file: Int32, fileOffset: UInt64, bytes count: Int) throws {
        try range(offset, count)
        try transfer.upload(to: memory, offset: offset, bytes: count) { piece, done in
            guard let base = piece.baseAddress else { return }
            let end = SystemIO.read(file, at: fileOffset + UInt64(done), into: base, count: piece.count)
            guard end == .complete else { throw HadalError(.io, "reading \(count) bytes at \(fileOffset) failed: \(end.reason)") }
        }
    }
}
