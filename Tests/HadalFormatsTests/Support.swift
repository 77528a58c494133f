import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

/// Composes GGUF bytes by hand, right or wrong, independently of the writer under test.
struct GGUFBytes {
    struct Tensor {
        var name = "t"
        /// Contiguous dimension first, as the file has them.
        var dimensions: [UInt64] = [4]
        var type: UInt32 = 0
        var offset: UInt64 = 0
    }

    var magic: [UInt8] = Array("GGUF".utf8)
    var version: UInt32 = 3
    var tensorCount: UInt64?
    var entryCount: UInt64?
    /// Key, type and encoded value.
    var entries: [(key: [UInt8], type: UInt32, value: [UInt8])] = []
    var tensors: [Tensor] = []
    var dimensionCount: UInt32?
    var data: [UInt8] = []
    var alignment = 32

    static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    static func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

    mutating func add(_ key: String, _ type: UInt32, _ value: [UInt8]) { entries.append((Array(key.utf8), type, value)) }

    var bytes: [UInt8] {
        var out = magic + Self.little(version)
        out += Self.little(tensorCount ?? UInt64(tensors.count)) + Self.little(entryCount ?? UInt64(entries.count))
        for entry in entries {
            out += Self.little(UInt64(entry.key.count)) + entry.key + Self.little(entry.type) + entry.value
        }
        for tensor in tensors {
            out += Self.text(tensor.name) + Self.little(dimensionCount ?? UInt32(tensor.dimensions.count))
            for extent in tensor.dimensions { out += Self.little(extent) }
            out += Self.little(tensor.type) + Self.little(tensor.offset)
        }
        if !data.isEmpty { while out.count % alignment != 0 { out.append(0) } }
        return out + data
    }

    /// A small valid model with every value type, nested arrays and two tensors.
    static var sample: GGUFBytes {
        var file = GGUFBytes()
        file.add("general.architecture", 8, text("tiny"))
        file.add("u8", 0, [200])
        file.add("i8", 1, [0x80])
        file.add("u16", 2, little(UInt16(60_000)))
        file.add("i16", 3, little(Int16(-2)))
        file.add("u32", 4, little(UInt32(4_000_000_000)))
        file.add("i32", 5, little(Int32(-3)))
        file.add("f32", 6, little(Float(1.5).bitPattern))
        file.add("yes", 7, [1])
        file.add("u64", 10, little(UInt64.max))
        file.add("i64", 11, little(Int64.min))
        file.add("f64", 12, little(Double(0.1).bitPattern))
        file.add("tokens", 9, little(UInt32(8)) + little(UInt64(3)) + text("a") + text("") + little(UInt64(2)) + [0xFF, 0xC3])
        file.add("scores", 9, little(UInt32(6)) + little(UInt64(2)) + little(Float(0.5).bitPattern) + little(Float(-1).bitPattern))
        file.add("flags", 9, little(UInt32(7)) + little(UInt64(3)) + [1, 0, 1])
        let inner = little(UInt32(5)) + little(UInt64(2)) + little(Int32(1)) + little(Int32(-1))
        file.add("nested", 9, little(UInt32(9)) + little(UInt64(2)) + inner + little(UInt32(8)) + little(UInt64(1)) + text("x"))
        file.tensors = [
            Tensor(name: "a.weight", dimensions: [4, 2], type: 0, offset: 0),
            Tensor(name: "b.weight", dimensions: [32, 1], type: 2, offset: 32),
        ]
        file.data = (0..<50).map { UInt8($0) }
        return file
    }
}

/// Composes safetensors bytes from a header's text.
func safetensorsBytes(_ header: String, dataCount: Int, length: UInt64? = nil) -> [UInt8] {
    let text = Array(header.utf8)
    return GGUFBytes.little(length ?? UInt64(text.count)) + text + (0..<dataCount).map { UInt8(truncatingIfNeeded: $0) }
}

/// A temporary directory that goes away with the object.
final class Scratch {
    let path: String
    init() throws { path = try Fixtures.temporaryDirectory() }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
}
