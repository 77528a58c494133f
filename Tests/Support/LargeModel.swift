import Foundation

/// A llama in Q8_0 that is larger than any memory: 1.2 TB by the length of its file, which has no blocks on the disk.
public enum LargeModel {
    public static func write(to path: String) throws {
        let (header, size) = header()
        try header.write(to: URL(fileURLWithPath: path))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.truncate(atOffset: UInt64(size))
        try file.close()
    }

    /// The header of a GGUF file of one layer and a very large vocabulary, and the length that the whole file would have.
    private static func header() -> (header: Data, size: Int) {
        let (width, inner, vocabulary) = (65536, 1024, 1 << 24)
        var data = Data("GGUF".utf8)
        func integer<T: FixedWidthInteger>(_ value: T) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
        func text(_ value: String) {
            integer(UInt64(value.utf8.count))
            data.append(contentsOf: value.utf8)
        }
        let numbers = [
            "context_length": 4096, "embedding_length": width, "block_count": 1, "feed_forward_length": inner,
            "attention.head_count": 512, "attention.head_count_kv": 512,
        ].sorted { $0.key < $1.key }
        let (f32, q8_0) = (UInt32(0), UInt32(8))
        var tensors: [(name: String, shape: [Int], type: UInt32)] = [
            ("token_embd.weight", [vocabulary, width], q8_0), ("output_norm.weight", [width], f32),
            ("blk.0.attn_norm.weight", [width], f32), ("blk.0.ffn_norm.weight", [width], f32),
            ("blk.0.ffn_gate.weight", [inner, width], q8_0), ("blk.0.ffn_up.weight", [inner, width], q8_0),
            ("blk.0.ffn_down.weight", [width, inner], q8_0),
        ]
        for name in ["q", "k", "v", "output"] { tensors.append(("blk.0.attn_\(name).weight", [width, width], q8_0)) }
        integer(UInt32(3))
        integer(UInt64(tensors.count))
        integer(UInt64(numbers.count + 2))
        text("general.architecture")
        integer(UInt32(8))
        text("llama")
        for (key, value) in numbers {
            text("llama.\(key)")
            integer(UInt32(4))
            integer(UInt32(value))
        }
        text("llama.attention.layer_norm_rms_epsilon")
        integer(UInt32(6))
        integer(Float(1e-5).bitPattern)
        var offset = 0
        for (name, shape, type) in tensors {
            text(name)
            integer(UInt32(shape.count))
            for extent in shape.reversed() { integer(UInt64(extent)) }
            integer(type)
            integer(UInt64(offset))
            let elements = shape.reduce(1, *)
            offset += ((type == f32 ? elements * 4 : elements / 32 * 34) + 31) / 32 * 32
        }
        while data.count % 32 != 0 { data.append(0) }
        return (data, data.count + offset)
    }
}
