import CHadalPlugin
import HadalBackend
import HadalCore

/// What memory that no run may read holds. A result that depends on it differs between the two.
enum Surroundings {
    case first, second

    /// Guard bytes: as numbers of any type, two that differ in size and, as float32, in sign.
    var guardByte: UInt8 { self == .first ? 0xC5 : 0x3A }

    /// Bytes of outputs before a run, and of what a cache does not hold yet: NaN of every floating-point type the first time.
    var unwrittenByte: UInt8 { self == .first ? 0xFF : 0x3A }
}

/// Memory for one binding with guard bytes before and after: host memory, or a buffer of the device where it has its own.
final class GuardedMemory {
    /// Guards are this long: a multiple of 256, the alignment that the binding keeps, and of no larger power of two. Long enough that a
    /// kernel which runs a workgroup or a vector too far is seen and not stopped by the end of the mapping.
    static let guardBytes = 17 * 256

    let bytes: Int
    private let buffer: any Buffer
    private let isHost: Bool
    private let pattern: UInt8

    init(_ content: [UInt8], on device: any Device, _ surroundings: Surroundings) throws {
        bytes = content.count
        pattern = surroundings.guardByte
        var whole = [UInt8](repeating: pattern, count: Self.guardBytes) + content
        whole += [UInt8](repeating: pattern, count: Self.guardBytes)
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

    /// The content now, and what happened to the guards: nil when they are as they were.
    func read() throws -> (content: [UInt8], damage: String?) {
        var whole = [UInt8](repeating: 0, count: bytes + 2 * Self.guardBytes)
        try whole.withUnsafeMutableBytes { try buffer.read(offset: 0, into: $0) }
        let end = Self.guardBytes + bytes
        let content = Array(whole[Self.guardBytes..<end])
        var parts: [String] = []
        let before = whole[..<Self.guardBytes].indices.filter { whole[$0] != pattern }
        if let last = before.last {
            parts.append("\(before.count) bytes before it, the nearest \(Self.guardBytes - last) before its start")
        }
        let after = whole[end...].indices.filter { whole[$0] != pattern }
        if let first = after.first { parts.append("\(after.count) bytes after it, the first \(first - end) past its end") }
        return (content, parts.isEmpty ? nil : parts.joined(separator: " and "))
    }
}
