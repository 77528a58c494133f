import CHadalPlugin
import HadalCore

/// Memory for one binding with guard bytes before and after: host memory, or a buffer of the device where it has its own.
final class GuardedMemory {
    /// Guards are this long; it is also the alignment that the binding keeps.
    static let guardBytes = 256
    private static let pattern: UInt8 = 0xC5

    let bytes: Int
    private let buffer: any Buffer
    private let isHost: Bool

    init(_ content: [UInt8], on device: any Device) throws {
        bytes = content.count
        var whole = [UInt8](repeating: Self.pattern, count: Self.guardBytes) + content
        whole += [UInt8](repeating: Self.pattern, count: Self.guardBytes)
        if let own = try device.allocate(bytes: whole.count) {
            buffer = own
            isHost = false
        } else {
            buffer = try HostBuffer(bytes: whole.count)
            isHost = true
        }
        try whole.withUnsafeBytes { try buffer.write(offset: 0, from: $0) }
    }

    var binding: hadal_binding {
        var binding = hadal_binding()
        if isHost { binding.host = buffer.hostPointer } else { binding.buffer = buffer.handle }
        binding.offset = UInt64(Self.guardBytes)
        binding.bytes = UInt64(bytes)
        return binding
    }

    /// The content now, and whether both guards are as they were.
    func read() throws -> (content: [UInt8], guardsIntact: Bool) {
        var whole = [UInt8](repeating: 0, count: bytes + 2 * Self.guardBytes)
        try whole.withUnsafeMutableBytes { try buffer.read(offset: 0, into: $0) }
        let content = Array(whole[Self.guardBytes..<Self.guardBytes + bytes])
        let intact = whole[..<Self.guardBytes].allSatisfy { $0 == Self.pattern } && whole[(Self.guardBytes + bytes)...].allSatisfy { $0 == Self.pattern }
        return (content, intact)
    }
}
