import Foundation
import HadalCore
import HadalEngine
import HadalFormats
import HadalGraph
import TestSupport
import Testing

/// Experts stored as MXFP4 in two tensors give what the same numbers spelled out in float32 give.
@Suite("Packed experts", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
struct PackedExpertsTests {
    private static let levels: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]

    /// The nearest MXFP4 numbers of rows of `columns`, packed as safetensors files have them, and spelled out.
    private func packed(_ values: [Float]) -> (blocks: [UInt8], scales: [UInt8], values: [Float]) {
        var (blocks, scales, spelled) = ([UInt8](), [UInt8](), [Float]())
        for start in stride(from: 0, to: values.count, by: 32) {
            let block = values[start..<start + 32]
            let peak = block.reduce(Float(0)) { max($0, abs($1)) }
            let exponent = peak > 0 ? Int(peak.exponent) - 2 : -127
            let scale = Float(sign: .plus, exponent: exponent, significand: 1)
            let codes = block.map { value in
                Self.levels.indices.min { abs(Self.levels[$0] * scale - value) < abs(Self.levels[$1] * scale - value) } ?? 0
            }
            scales.append(UInt8(exponent + 127))
            for k in 0..<16 { blocks.append(UInt8(codes[2 * k] | codes[2 * k + 1] << 4)) }
            spelled += codes.map { Self.levels[$0] * scale }
        }
        return (blocks, scales, spelled)
    }

    /// [a, b, c] as [a, c, b].
    private func transposed(_ values: [Float], _ shape: [Int]) -> [Float] {
        let (a, b, c) = (shape[0], shape[1], shape[2])
        return (0..<a * c * b).map { i in values[i / (b * c) * b * c + i % b * c + i / b % c] }
    }

    /// The golden gpt-oss with its experts rounded to MXFP4: packed, or spelled out.
    private func checkpoints(in folder: String) throws -> (packed: String, spelled: String) {
        let source = try #require(Fixtures.goldens) + "/models/gpt_oss"
        let file = try SafetensorsFile(path: "\(source)/model.safetensors")
        var (small, large) = ([TensorSource](), [TensorSource]())
        for tensor in file.tensors {
            let bytes = UnsafeRawBufferPointer(rebasing: file.source.bytes[tensor.range])
            guard tensor.name.hasSuffix("experts.gate_up_proj") || tensor.name.hasSuffix("experts.down_proj") else {
                let plain = TensorSource(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, bytes: Array(bytes))
                small.append(plain)
                large.append(plain)
                continue
            }
            var values = [Float](repeating: 0, count: tensor.elementCount)
            try values.withUnsafeMutableBufferPointer {
                try BlockCodec.decode(tensor.dtype, from: bytes, into: #require($0.baseAddress), count: $0.count)
            }
            let shape = [tensor.shape[0], tensor.shape[2], tensor.shape[1]]
            let (blocks, scales, spelled) = packed(transposed(values, tensor.shape))
            small.append(
                TensorSource(name: tensor.name + "_blocks", dtype: .u8, shape: [shape[0], shape[1], shape[2] / 32, 16], bytes: blocks))
            small.append(
                TensorSource(name: tensor.name + "_scales", dtype: .u8, shape: [shape[0], shape[1], shape[2] / 32], bytes: scales))
            large.append(TensorSource(name: tensor.name, dtype: .f32, shape: tensor.shape, values: transposed(spelled, shape)))
        }
        for (name, tensors) in [("packed", small), ("spelled", large)] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
            try SafetensorsWriter.write(to: "\(folder)/\(name)/model.safetensors", tensors: tensors)
            try FileManager.default.copyItem(atPath: "\(source)/config.json", toPath: "\(folder)/\(name)/config.json")
        }
        return ("\(folder)/packed", "\(folder)/spelled")
    }

    private func logits(_ path: String, _ backend: String, _ tokens: [Int32]) throws -> [Float] {
        let engine = try Engine(path: path, options: Golden.options(backend, observe: .allLogits))
        return try #require(try engine.evaluate(tokens).first { $0.name == "logits" }).values
    }

    @Test("the numbers of the file, computed as they are stored")
    func packedAndSpelledOut() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let paths = try checkpoints(in: folder)
        let tokens = try Golden(path: try #require(Fixtures.goldens) + "/models/gpt_oss").ids("input_ids")
        let wanted = try logits(paths.spelled, "reference", tokens)
        #expect(try logits(paths.packed, "reference", tokens) == wanted)
        // The cpu backend rounds activations to 8 bits before blocks: near, not equal.
        let rows = try logits(paths.packed, "cpu", tokens)
        let error = zip(rows, wanted).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let norm = wanted.reduce(0.0) { $0 + Double($1 * $1) }
        #expect((error / norm).squareRoot() < 0.08)
        let engine = try Engine(path: paths.packed, options: Golden.options("reference"))
        let weights = engine.model.graph.weights.filter { $0.dtype == .mxfp4 }
        #expect(weights.count == 12)
    }
}
