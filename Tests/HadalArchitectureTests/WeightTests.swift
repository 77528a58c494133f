import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// Finding, checking and transforming weights.
@Suite struct WeightTests {
    static func bytes(_ values: [Float]) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
    }

    /// The numbers of weight `w` of shape `shape`, made from `source` out of tensors that count 0, 1, 2, ...
    func weight(_ source: String, shape: String, tensors: [(String, DType, [Int])], data: [String: [UInt8]] = [:]) throws -> (
        WeightData, [Float]
    ) {
        var all = data
        for (name, dtype, dims) in tensors where dtype == .f32 && all[name] == nil {
            all[name] = Self.bytes((0..<dims.reduce(1, *)).map(Float.init))
        }
        let text = """
            {"hadal": "architecture/1", "name": "sample", "model": {"layers": 1, "width": 1, "context_length": 8, "vocabulary_size": 1},
             "weights": {"w": {"safetensors": \(source), "shape": \(shape)}, "head": {"safetensors": "head", "shape": [1, 1]}},
             "graph": [{"op": "embedding", "in": "tokens", "weight": "w", "label": "logits", "out": "x"}, {"op": "embedding", "in": "rows", "weight": "head", "out": "logits"}]}
            """
        return try Fixtures.withLibrary(["sample": text]) { library, folder in
            let model = try FakeModel(config: "{}", tensors: tensors + [("head", .f32, [1, 1])], data: all)
            let built = try library.match(model, file: "\(folder)/sample.json").build(model, catalogue: OpCatalogue.load())
            let binding = try #require(built.weights["w"] ?? built.weights["w.f32"])
            let data = try binding.materialise(from: model)
            #expect(data.dims == binding.dims && data.dtype == binding.dtype)
            return (data, try data.floats())
        }
    }

    @Test(arguments: [
        (#"{"name": "t", "transform": [{"rows": [1, 3]}]}"#, "[2, 2]", [2, 3, 4, 5]),
        (#"{"name": "t", "transform": [{"columns": [1, 2]}]}"#, "[4, 1]", [1, 3, 5, 7]),
        (#"{"name": "t", "transform": [{"transpose": [1, 0]}]}"#, "[2, 4]", [0, 2, 4, 6, 1, 3, 5, 7]),
        (#"{"name": "t", "transform": [{"every": {"step": 2, "from": 1}}]}"#, "[2, 2]", [2, 3, 6, 7]),
        (#"{"name": "t", "transform": [{"every": {"step": 2, "axis": 1}}]}"#, "[4, 1]", [0, 2, 4, 6]),
        (#"{"name": "t", "transform": [{"reshape": [2, 4]}]}"#, "[2, 4]", [0, 1, 2, 3, 4, 5, 6, 7]),
        (
            #"{"name": "t", "transform": [{"reshape": [2, 2, 2]}, {"transpose": [1, 0, 2]}, {"rows": [1, 2]}, {"reshape": [2, 2]}]}"#,
            "[2, 2]", [2, 3, 6, 7]
        ),
        (
            #"{"name": "t", "transform": [{"reshape": [2, 2, 2]}, {"transpose": [0, 2, 1]}, {"reshape": [4, 2]}]}"#, "[4, 2]",
            [0, 2, 1, 3, 4, 6, 5, 7]
        ),
        (#"{"name": "t", "transform": [{"add": 1}, {"scale": 2}]}"#, "[4, 2]", [2, 4, 6, 8, 10, 12, 14, 16]),
        (#"{"name": "t", "transform": [{"rotary": {"heads": 1, "dim": 4, "to": "half"}}]}"#, "[4, 2]", [0, 1, 4, 5, 2, 3, 6, 7]),
        (
            #"{"name": "t", "transform": [{"rotary": {"heads": 1, "dim": 4, "to": "half"}}, {"rotary": {"heads": 1, "dim": 4, "to": "adjacent"}}]}"#,
            "[4, 2]", [0, 1, 2, 3, 4, 5, 6, 7]
        ),
        (#"{"concat": ["t", {"name": "u", "transform": [{"rows": [0, 1]}]}]}"#, "[5, 2]", [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]),
        (#"{"concat": ["t", "t"], "axis": 1}"#, "[4, 4]", [0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7]),
        (
            #"{"stack": {"name": "e.{i}", "transform": [{"rows": [0, 1]}]}, "index": "i", "count": 2, "transform": [{"reshape": [2, 2]}]}"#,
            "[2, 2]", [0, 1, 0, 1]
        ),
    ])
    func transforms(source: String, shape: String, wanted: [Float]) throws {
        let tensors: [(String, DType, [Int])] = [
            ("t", .f32, [4, 2]), ("u", .f32, [2, 2]), ("e.0", .f32, [2, 2]), ("e.1", .f32, [3, 2]),
        ]
        #expect(try weight(source, shape: shape, tensors: tensors).1 == wanted)
    }

    @Test func rowsOfQuantisedTensorsStayWhereTheyAre() throws {
        var random = SeededGenerator(seed: 4)
        // Four rows of one Q8_0 block each: a half-precision scale of 1, then 32 signed bytes.
        let bytes = (0..<4).flatMap { _ in [0x00, 0x3C] + (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) } }
        func value(_ row: Int, _ column: Int) -> Float { Float(Int8(bitPattern: bytes[row * 34 + 2 + column])) }
        let (part, floats) = try weight(
            #"{"name": "t", "transform": [{"rows": [1, 3]}]}"#, shape: "[2, 32]", tensors: [("t", .q8_0, [4, 32])], data: ["t": bytes])
        #expect(part.dtype == .q8_0 && part.isMapped && floats == (0..<64).map { value(1 + $0 / 32, $0 % 32) })
        let (odd, oddFloats) = try weight(
            #"{"name": "t", "transform": [{"every": {"step": 2, "from": 1}}]}"#, shape: "[2, 32]", tensors: [("t", .q8_0, [4, 32])],
            data: ["t": bytes])
        #expect(odd.dtype == .q8_0 && !odd.isMapped && oddFloats == (0..<64).map { value(1 + $0 / 32 * 2, $0 % 32) })
        // Columns cut blocks, so that the numbers are widened.
        let (cut, cutFloats) = try weight(
            #"{"name": "t", "transform": [{"columns": [3, 5]}]}"#, shape: "[4, 2]", tensors: [("t", .q8_0, [4, 32])], data: ["t": bytes])
        #expect(cut.dtype == .f32 && cutFloats == (0..<8).map { value($0 / 2, 3 + $0 % 2) })
    }

    @Test(arguments: [
        ("\"t\"", "[4, 3]", HadalError.Code.mismatch, "tensor 't' has shape [4, 2]; weight 'w' requires [4, 3]"),
        ("\"absent\"", "[4, 2]", .notFound, "tensor 'absent' is missing; logits requires it"),
        (#"["absent", "other"]"#, "[4, 2]", .notFound, "also looked for 'other'"),
        (#"{"name": "t", "stored": [8, 1]}"#, "[4, 2]", .mismatch, "tensor 't' has shape [4, 2]; weight 'w' requires [8, 1]"),
        (#"{"name": "t", "transform": [{"rows": [3, 5]}]}"#, "[2, 2]", .mismatch, "has no rows 3 to 5"),
        (
            #"{"name": "t", "transform": [{"rows": [2, 4]}]}"#, "[4, 2]", .mismatch,
            "rows 2..<4 of t comes to shape [2, 2]; weight 'w' requires [4, 2]"
        ),
        (#"{"name": "t", "transform": [{"reshape": [3, 3]}]}"#, "[3, 3]", .mismatch, "cannot be reshaped"),
        (#"{"name": "t", "transform": [{"transpose": [1, 0, 2]}]}"#, "[4, 2]", .mismatch, "comes to 3 extents, 'shape' has 2"),
        (#"{"name": "t", "transform": [{"rotary": {"heads": 3, "dim": 2, "to": "half"}}]}"#, "[4, 2]", .mismatch, "does not hold 3 heads"),
        (#"{"name": "t", "transform": [{"rws": [3, 5]}]}"#, "[2, 2]", .malformed, "did you mean 'rows'?"),
        (#"{"concat": ["t", "long"], "axis": 1}"#, "[4, 4]", .mismatch, "cannot be joined"),
        (#"{"stack": "e.{i}", "index": "i", "count": 100000}"#, "[2, 2]", .mismatch, "between 1 and"),
        ("\"count\"", "[4, 2]", .unsupported, "is I64"),
        ("\"{gone}.t\"", "[4, 2]", .notFound, "is neither an index, an alias nor an integer parameter"),
        ("\"t\"", "[\"4611686018427387904 * 4\", 2]", .invalidArgument, "integer overflow"),
    ])
    func faults(source: String, shape: String, code: HadalError.Code, message: String) throws {
        let tensors: [(String, DType, [Int])] = [("t", .f32, [4, 2]), ("long", .f32, [5, 2]), ("count", .i64, [4, 2])]
        expectError(code, message) { try weight(source, shape: shape, tensors: tensors) }
    }

    @Test func aCheckpointWithAFaultSaysWhich() throws {
        func fault(_ code: HadalError.Code, _ edit: (inout [(name: String, dtype: DType, shape: [Int])]) -> Void) throws -> String {
            let model = try Families.model("llama") { edit(&$1) }
            let error = expectError(code) { try ArchitectureLibrary().match(model).build(model, catalogue: OpCatalogue.load()) }
            return error?.description ?? ""
        }
        let missing = try fault(.notFound) { $0.removeAll { $0.name == "model.layers.1.self_attn.k_proj.weight" } }
        #expect(missing.contains("tensor 'model.layers.1.self_attn.k_proj.weight' is missing; layers.1.attention.qkv.k requires it"))
        let wrong = try fault(.mismatch) {
            for i in $0.indices where $0[i].name == "model.layers.2.mlp.up_proj.weight" { $0[i].shape = [64, 160] }
        }
        #expect(
            wrong
                == "model/model.safetensors: model.layers.2.mlp.up_proj.weight: tensor 'model.layers.2.mlp.up_proj.weight' has shape [64, 160]; weight 'up_proj' requires [160, 64] ([d_ff, d_model])"
        )
    }

    @Test func tensorsThatNothingUsesAreReported() throws {
        let model = try Families.model("llama") {
            $1 += [("model.extra", .f32, [1]), ("model.layers.0.self_attn.rotary_emb.inv_freq", .f32, [8])]
        }
        let built = try ArchitectureLibrary().match(model).build(model, catalogue: OpCatalogue.load())
        #expect(built.warnings == ["tensor 'model.extra' is not used by llama"])
    }

    @Test func normsThatAnOpDoesNotTakeAreWidened() throws {
        let model = try Families.model("llama") { for i in $1.indices where $1[i].name.hasSuffix("norm.weight") { $1[i].dtype = .f64 } }
        let built = try ArchitectureLibrary().match(model).build(model, catalogue: OpCatalogue.load())
        #expect(built.weights["final_norm.f32"]?.dtype == .f32)
    }

    @Test func blockScaledFloat8StaysAsStored() throws {
        // 0x38 is 1.0 in e4m3.
        let (data, floats) = try weight(
            "\"t\"", shape: "[2, 130]", tensors: [("t", .f8_e4m3, [2, 130]), ("t_scale_inv", .f32, [1, 2])],
            data: ["t": Array(repeating: 0x38, count: 260), "t_scale_inv": Self.bytes([2, 3])])
        #expect(data.dtype == .f8_e4m3 && data.isMapped && data.bytes.count == 260)
        #expect(data.scales?.shape == BlockScaleShape(rows: 1, columns: 2, block: 128))
        #expect(data.scales.map { Array($0.values) } == [2, 3])
        #expect(floats == (0..<260).map { $0 % 130 < 128 ? 2 : 3 })
    }

    @Test func stepsMultiplyBlockScalesIn() throws {
        let (data, floats) = try weight(
            "{\"name\": \"t\", \"transform\": [{\"rows\": [127, 129]}]}", shape: "[2, 1]",
            tensors: [("t", .f8_e4m3, [130, 1]), ("t_scale_inv", .f32, [2, 1])],
            data: ["t": Array(repeating: 0x38, count: 130), "t_scale_inv": Self.bytes([2, 3])])
        #expect(data.dtype == .f32 && data.scales == nil && floats == [2, 3])
    }
}
