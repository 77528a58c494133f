import CVulkan
import HadalCore

/// Moves bytes between host and device: in place where the device's memory is mapped, else through one staging buffer.
///
/// Thread safety: as the context.
final class Transfer: @unchecked Sendable {
    let context: DeviceContext
    private var staging: DeviceMemory?
    private static let stagingBytes = 16 << 20

    init(_ context: DeviceContext) { self.context = context }

    /// Writes `bytes` bytes in pieces that `fill` makes, each with the count of bytes before it.
    func upload(to memory: DeviceMemory, offset: Int, bytes: Int, _ fill: (UnsafeMutableRawBufferPointer, Int) throws -> Void) throws {
        if let pointer = memory.pointer {
            if bytes > 0 { try fill(UnsafeMutableRawBufferPointer(start: pointer + offset, count: bytes), 0) }
            return
        }
        let (buffer, pointer) = try stage()
        var done = 0
        while done < bytes {
            let count = min(Self.stagingBytes, bytes - done)
            try fill(UnsafeMutableRawBufferPointer(start: pointer, count: count), done)
            try copy(from: buffer, 0, to: memory, offset + done, count)
            done += count
        }
    }

    func write(_ source: UnsafeRawBufferPointer, to memory: DeviceMemory, offset: Int) throws {
        try upload(to: memory, offset: offset, bytes: source.count) { piece, done in
            piece.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[done..<done + piece.count]))
        }
    }

    func read(_ memory: DeviceMemory, offset: Int, into destination: UnsafeMutableRawBufferPointer) throws {
        guard destination.count > 0 else { return }
        if let pointer = memory.pointer {
            destination.copyMemory(from: UnsafeRawBufferPointer(start: pointer + offset, count: destination.count))
            return
        }
        let (buffer, pointer) = try stage()
        var done = 0
        while done < destination.count {
            let count = min(Self.stagingBytes, destination.count - done)
            try copy(from: memory, offset + done, to: buffer, 0, count)
            UnsafeMutableRawBufferPointer(rebasing: destination[done..<done + count])
                .copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: count))
            done += count
        }
    }

    func copy(from source: DeviceMemory, _ sourceOffset: Int, to target: DeviceMemory, _ offset: Int, _ bytes: Int) throws {
        guard bytes > 0 else { return }
        try context.once { commands in
            var region = VkBufferCopy(srcOffset: VkDeviceSize(sourceOffset), dstOffset: VkDeviceSize(offset), size: VkDeviceSize(bytes))
            context.functions.pointee.CmdCopyBuffer(commands, source.buffer, target.buffer, 1, &region)
        }
    }

    func clear(_ memory: DeviceMemory) throws { try fill(memory, with: 0) }

    func fill(_ memory: DeviceMemory, with word: UInt32) throws {
        try context.once { commands in
            context.functions.pointee.CmdFillBuffer(commands, memory.buffer, 0, VkDeviceSize(VK_WHOLE_SIZE), word)
        }
    }

    private func stage() throws -> (DeviceMemory, UnsafeMutableRawPointer) {
        let buffer = try staging ?? DeviceMemory(context, bytes: Self.stagingBytes, purpose: .staging)
        staging = buffer
        guard let pointer = buffer.pointer else {
            throw HadalError(.unsupported, "\(context.physical.name) has no memory that the host can see")
        }
        return (buffer, pointer)
    }
}
