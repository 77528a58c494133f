import Foundation
import HadalArchitecture
import HadalCore
import HadalEngine
import HadalFormats
import HadalGraph
import TestSupport
import Testing
@testable import HadalQuantization

@Suite("Hugging Face directories to GGUF")
struct ConversionTests {
    @Test("the file computes what the directory does", arguments: Quantizing.families)
    func logits(_ path: String) throws {
        let golden = try SafetensorsFile(path: "\(path)/golden.safetensors")
        func bytes(_ name: String) throws -> UnsafeRawBufferPointer {
            let tensor = try #require(golden.tensors.first { $0.name == name })
            return UnsafeRawBufferPointer(rebasing: golden.source.bytes[tensor.range])
        }
        let ids = try bytes("input_ids").bindMemory(to: Int64.self).map { Int32($0) }
        let wanted = try bytes("logits").bindMemory(to: Float.self).map { $0 }
        try Quantizing.withFolder { folder in
            let model = try ModelFiles.open(path: path)
            _ = try Quantizing.plan(model, .f32).write(to: "\(folder)/m.gguf", threads: 2)
            var options = EngineOptions()
            options.backend = "reference"
            options.observe = .allLogits
            options.environment.pluginPaths = [Fixtures.products]
            let results = try Engine(path: "\(folder)/m.gguf", options: options).evaluate(ids)
            let got = try #require(results.first { $0.name == "logits" }).values
            #expect(got.count == wanted.count)
            let worst = zip(got, wanted).reduce(Float(0)) { max($0, ($1.0 - $1.1).magnitude) }
            #expect(worst <= 2e-3, "\(path): off by \(worst)")
        }
    }

    @Test("weights are bit for bit those of the directory, rotary rows in their new order", arguments: Quantizing.families)
    func exact(_ path: String) throws {
        try Quantizing.withFolder { folder in
            let model = try ModelFiles.open(path: path)
            _ = try Quantizing.plan(model, .f32).write(to: "\(folder)/m.gguf", threads: 2)
            let file = try ModelFiles.open(path: "\(folder)/m.gguf")
            let (before, after) = (try Quantizing.graph(model), try Quantizing.graph(file))
            let rotated = try RotaryOrder.changes(from: before.main, to: after.main, OpCatalogue.load())
            #expect(after.main.weights.count == before.main.weights.count)
            for weight in after.main.weights {
                guard case .stored? = after.weights[weight.name]?.content else { continue }
                let got = try #require(after.weights[weight.name]).materialise(from: file).floats()
                let source = try #require(before.weights[weight.name])
                let wanted = try source.materialise(from: model).floats()
                guard let order = rotated[weight.name] else {
                    #expect(got == wanted, "\(weight.name)")
                    continue
                }
                // Row 2k of a head comes from row k, row 2k + 1 from row k + dim / 2.
                let columns = source.dims.count > 1 ? source.dims[1] : 1
                let width = source.dims[0] / order.heads
                var same = order.toHalf == false
                for row in 0..<source.dims[0] {
                    let (head, i) = (row / width, row % width - order.offset)
                    var from = row
                    if i >= 0, i < order.dim { from = head * width + order.offset + i / 2 + i % 2 * order.dim / 2 }
                    same = same && got[row * columns..<(row + 1) * columns] == wanted[from * columns..<(from + 1) * columns]
                }
                #expect(same, "\(weight.name)")
            }
        }
    }

    @Test("rows read a few at a time are those of the whole weight", arguments: Quantizing.families)
    func rows(_ path: String) throws {
        let model = try ModelFiles.open(path: path)
        for binding in try Quantizing.graph(model).weights.values {
            guard case .stored(let recipe) = binding.content else { continue }
            let wanted = try binding.materialise(from: model).floats()
            let rows = try WeightRows(recipe, of: model)
            #expect(rows.rows * rows.columns == wanted.count)
            var got = [Float](repeating: 0, count: wanted.count)
            try got.withUnsafeMutableBufferPointer { out in
                for start in stride(from: 0, to: rows.rows, by: 3) {
                    let range = start..<min(start + 3, rows.rows)
                    try rows.read(range, into: try #require(out.baseAddress) + start * rows.columns)
                }
            }
            #expect(got == wanted, "\(binding.name): \(binding.summary)")
        }
    }

    @Test("what tensors are for, told by the computation, agrees with their names", arguments: Quantizing.named)
    func roles(_ path: String) throws {
        let plan = try Quantizing.plan(try ModelFiles.open(path: path), .q4_K)
        for tensor in plan.tensors where tensor.shape.count > 1 {
            let named = try #require(TensorNameRoles.role(of: tensor.name), "\(tensor.name)")
            #expect(tensor.roles.contains(named), "\(tensor.name): \(tensor.roles)")
        }
    }

    @Test("a family without a name in GGUF files is refused by name")
    func noForm() throws {
        try Quantizing.withFolder { folder in
            let text = """
                {"hadal": "architecture/1", "name": "own", "extends": "llama", "match": {"config.model_type": "own"},
                 "weights": {"down_proj": {"gguf": null}}}
                """
            try text.write(toFile: "\(folder)/own.json", atomically: true, encoding: .utf8)
            let model = try ModelFiles.open(path: Fixtures.path("models/llama"))
            var options = QuantizationOptions(type: .f32)
            options.architecture = "\(folder)/own.json"
            let environment = SearchPaths()
            expectError(.unsupported, "no GGUF form", "down_proj") {
                try QuantizationPlan(
                    model, options: options, library: try environment.architectures(), catalogue: try environment.catalogue())
            }
        }
    }

    @Test("what weights are cut from can be put together again")
    func inverse() throws {
        let tensor = TensorInfo(name: "t", dtype: .f32, shape: [6, 4], file: "f", shard: 0, range: 0..<96)
        let parts = [
            try WeightRecipe.every(.tensor(tensor), axis: 0, from: 1, step: 2).shares(giving: .tensor(Self.named("odd", [3, 4]))),
            try WeightRecipe.every(.tensor(tensor), axis: 0, from: 0, step: 2).shares(giving: .tensor(Self.named("even", [3, 4]))),
        ].flatMap { $0 }
        let whole = try WeightRecipe.assemble(tensor, from: parts)
        #expect(try whole.shape().dims == [6, 4])
        #expect(whole.tensors.map(\.name) == ["even", "odd"])
        let rows = try WeightRecipe.slice(.tensor(tensor), axis: 0, from: 2, to: 6).shares(giving: .tensor(Self.named("end", [4, 4])))
        // Rows 0 and 1 are nobody's, or the others given twice.
        expectError(.mismatch, "not exactly the parts of tensor 't'") { try WeightRecipe.assemble(tensor, from: rows) }
        expectError(.mismatch, "not exactly the parts of tensor 't'") { try WeightRecipe.assemble(tensor, from: rows + rows) }
    }

    private static func named(_ name: String, _ shape: [Int]) -> TensorInfo {
        TensorInfo(name: name, dtype: .f32, shape: shape, file: "f", shard: 0, range: 0..<shape.reduce(4, *))
    }
}
