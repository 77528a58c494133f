import HadalCore

/// The wire format of protocol buffers, as far as a reader of one message needs it.
enum ProtocolBuffer {
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case bytes(UnsafeRawBufferPointer)
        case fixed32(UInt32)
    }

    /// Calls `body` with the number and the value of each field, in order. Slices are valid during the call.
    /// - Throws: `malformed` for bytes that are no message; what `body` throws.
    static func forEachField(of bytes: UnsafeRawBufferPointer, file: String, _ body: (Int, Value) throws -> Void) throws {
        var at = 0
        func fail() -> HadalError { HadalError(.malformed, "the file is not a protocol buffer", at: SourcePlace(file, .byte(UInt64(at)))) }
        func varint() throws -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard at < bytes.count else { throw fail() }
                let byte = bytes[at]
                at += 1
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
            }
            throw fail()
        }
        while at < bytes.count {
            let key = try varint()
            guard key >> 3 > 0, key >> 3 < 1 << 29 else { throw fail() }
            let number = Int(key >> 3)
            switch key & 7 {
            case 0: try body(number, .varint(try varint()))
            case 1:
                guard bytes.count - at >= 8 else { throw fail() }
                try body(number, .fixed64(bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian))
                at += 8
            case 2:
                let length = try varint()
                guard length <= UInt64(bytes.count - at) else { throw fail() }
                try body(number, .bytes(UnsafeRawBufferPointer(rebasing: bytes[at..<at + Int(length)])))
                at += Int(length)
            case 5:
                guard bytes.count - at >= 4 else { throw fail() }
                try body(number, .fixed32(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self).littleEndian))
                at += 4
            default: throw fail()
            }
        }
    }
}
