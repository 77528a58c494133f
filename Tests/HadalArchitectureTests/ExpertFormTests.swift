import Foundation
import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// Experts one by one, in one tensor, and with gate and up in one tensor, in both formats.
@Suite struct ExpertFormTests {
    typealias Tensors = [(name: String, dtype: DType, shape: [Int])]

    private func build(_ source: FakeModel) throws -> ModelGraph {
        try ArchitectureLibrary().match(source).build(source, catalogue: OpCatalogue.load())
    }

    /// The layer's prefix of an expert's tensor, its number and its part; nil for other tensors.
    private func expert(_ name: String) -> (prefix: String, number: Int, part: String)? {
        let pieces = name.components(separatedBy: ".experts.")
        guard pieces.count == 2, let dot = pieces[1].firstIndex(of: "."), let number = Int(pieces[1][..<dot]) else { return nil }
        let part = String(pieces[1][pieces[1].index(after: dot)...].dropLast(".weight".count))
        return (pieces[0], number, ["w1": "gate_proj", "w3": "up_proj", "w2": "down_proj"][part] ?? part)
    }

    /// The same tensors as transformers 5 holds them in memory.
    private func fused(_ tensors: Tensors) -> Tensors {
        var (out, counts): (Tensors, [String: Int]) = ([], [:])
        for tensor in tensors {
            if let found = expert(tensor.name) { counts[found.prefix, default: 0] = max(counts[found.prefix] ?? 0, found.number + 1) }
        }
        for tensor in tensors {
            guard let (prefix, number, part) = expert(tensor.name) else {
                out.append((tensor.name.replacingOccurrences(of: "block_sparse_moe.gate", with: "mlp.gate"), tensor.dtype, tensor.shape))
                continue
            }
            let base = prefix.replacingOccurrences(of: "block_sparse_moe", with: "mlp")
            guard number == 0, let count = counts[prefix] else { continue }
            if part == "gate_proj" { out.append((base + ".experts.gate_up_proj", .bf16, [count, 2 * tensor.shape[0], tensor.shape[1]])) }
            if part == "down_proj" { out.append((base + ".experts.down_proj", .bf16, [count] + tensor.shape)) }
        }
        return out
    }

    @Test(arguments: ["mixtral", "qwen3_moe", "olmoe", "deepseek_v2", "deepseek_v2_lite", "deepseek_v3", "deepseek_v32"])
    func fusedExpertsOfADirectory(name: String) throws {
        let split = try build(Families.model(name)), model = try build(Families.model(name) { $1 = fused($1) })
        #expect(model.warnings.isEmpty)
        #expect(Set(model.weights.keys) == Set(split.weights.keys))
        for (key, weight) in split.weights { #expect(model.weights[key]?.dims == weight.dims, "\(key)") }
        let gate = try #require(model.weights.values.first { $0.summary.contains("gate_up_proj") })
        // Each expert lies in one piece of the file.
        #expect(gate.pieces()?.count == gate.dims[0])
    }

    /// A mixture's GGUF layout with the experts' tensors in another form.
    private func gguf(_ name: String, _ change: (inout Tensors) -> Void) throws -> ModelGraph {
        let configuration = try JSONDocument(parsing: Families.config(name), file: "config.json")
        let library = try ArchitectureLibrary()
        let planned = PlannedModel(configuration: configuration)
        let match = try library.match(planned)
        let family = try #require(try library.ggufArchitecture(of: match.description))
        let layout = try match.ggufLayout(of: build(Families.model(name)), configuration, architecture: family)
        var tensors: Tensors = layout.tensors.map { ($0.name, .f32, $0.shape) }
        change(&tensors)
        let metadata = Dictionary(layout.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { a, _ in a })
        return try build(FakeModel(metadata: metadata, tensors: tensors))
    }

    @Test(arguments: ["mixtral", "qwen3_moe", "olmoe", "gpt_oss", "deepseek_v2", "deepseek_v3"])
    func mergedExpertsOfAGGUFFile(name: String) throws {
        let model = try gguf(name) { tensors in
            tensors = tensors.compactMap { tensor in
                if tensor.name.contains("ffn_up_exps") { return nil }
                guard tensor.name.contains("ffn_gate_exps") else { return tensor }
                var shape = tensor.shape
                shape[1] *= 2
                return (tensor.name.replacingOccurrences(of: "ffn_gate_exps", with: "ffn_gate_up_exps"), tensor.dtype, shape)
            }
        }
        #expect(model.warnings.isEmpty, "\(model.warnings)")
        #expect(model.weights.values.contains { $0.summary.contains("ffn_gate_up_exps") })
    }

    @Test(arguments: ["mixtral", "qwen3_moe", "olmoe", "deepseek_v3"])
    func oneTensorForEachExpertOfAGGUFFile(name: String) throws {
        let model = try gguf(name) { tensors in
            tensors = tensors.flatMap { tensor -> Tensors in
                guard tensor.name.contains("_exps.") else { return [tensor] }
                return (0..<tensor.shape[0]).map {
                    (tensor.name.replacingOccurrences(of: "_exps.", with: ".\($0)."), tensor.dtype, Array(tensor.shape.dropFirst()))
                }
            }
        }
        #expect(model.warnings.isEmpty, "\(model.warnings)")
        #expect(model.weights.values.contains { $0.summary.contains("stack of") })
    }

    /// Gate and up are the first and the second half of every expert.
    @Test(arguments: [(0, [Float(0), 1, 4, 5]), (1, [2, 3, 6, 7])])
    func chunksAreHalvesOfEachExpert(index: Int, wanted: [Float]) throws {
        let source = #"{"name": "t", "transform": [{"chunk": {"of": 2, "index": \#(index), "axis": 1}}, {"reshape": [4, 1]}]}"#
        #expect(try WeightTests().weight(source, shape: "[4, 1]", tensors: [("t", .f32, [2, 4, 1])]).1 == wanted)
    }

    @Test(arguments: [
        (#"{"source": "gone", "shape": [2, 2]}"#, "{}", HadalError.Code.notFound, "weight 'w': no source 'gone'"),
        (#"{"source": "s", "shape": [2, 2]}"#, #"{"s": {"safetensors": ["b", "c"]}}"#, .notFound, "tensor 'b' is missing"),
        (#"{"source": "s", "shape": [2, 2]}"#, #"{"s": {"safetensors": "b"}}"#, .malformed, "safetensors"),
        (
            #"{"source": "s", "shape": [2, 2]}"#,
            #"{"s": {"safetensors": [{"name": "t", "transform": [{"chunk": {"of": 3, "index": 0}}]}]}}"#, .mismatch, "has no part 0 of 3"
        ),
    ])
    func faults(weight: String, sources: String, code: HadalError.Code, message: String) throws {
        let text = """
            {"hadal": "architecture/1", "name": "sample", "model": {"layers": 1, "width": 1, "context_length": 8, "vocabulary_size": 2},
             "sources": \(sources), "weights": {"w": \(weight)}, "graph": [{"op": "embedding", "in": "rows", "weight": "w", "out": "logits"}]}
            """
        try Fixtures.withLibrary(["sample": text]) { library, folder in
            let model = try FakeModel(config: "{}", tensors: [("t", .f32, [4, 2])])
            expectError(code, message) {
                try library.match(model, file: "\(folder)/sample.json").build(model, catalogue: OpCatalogue.load())
            }
        }
    }
}
