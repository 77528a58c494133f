import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// MXFP4 held in two tensors, and sources that are alternatives.
@Suite struct PackedBlockTests {
    /// E2M1 by its 16 codes. Source: OCP Microscaling Formats 1.0, table 5.
    static let levels: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]

    static func scale(_ exponent: UInt8) -> Float { Float(sign: .plus, exponent: Int(exponent) - 127, significand: 1) }

    /// `rows` of `groups` blocks with every code and exponents around 1, as the two tensors hold them, and the numbers they stand for.
    static func made(rows: Int, groups: Int) -> (blocks: [UInt8], scales: [UInt8], values: [Float]) {
        var random = SeededGenerator(seed: 11)
        let blocks = (0..<rows * groups * 16).map { _ in UInt8.random(in: 0...255, using: &random) }
        let scales = (0..<rows * groups).map { _ in UInt8.random(in: 120...134, using: &random) }
        let values = (0..<rows * groups * 32).map { i in
            let byte = blocks[i / 2]
            return levels[Int(i % 2 == 0 ? byte & 15 : byte >> 4)] * scale(scales[i / 32])
        }
        return (blocks, scales, values)
    }

    @Test(arguments: [[3, 2, 16], [3, 32]])
    func partsBecomeBlocksThatHoldTheSameNumbers(dims: [Int]) throws {
        let (blocks, scales, values) = Self.made(rows: 3, groups: 2)
        let (data, floats) = try WeightTests().weight(
            #"{"mxfp4": {"blocks": "b", "scales": "s"}, "stored": [3, 64]}"#, shape: "[3, 64]",
            tensors: [("b", .u8, dims), ("s", .u8, [3, 2])], data: ["b": blocks, "s": scales])
        #expect(data.dtype == .mxfp4 && data.bytes.count == 6 * 17)
        #expect(floats == values)
    }

    @Test func theSmallestAndLargestExponentsAreKept() throws {
        let exponents: [UInt8] = [0, 1, 2, 253, 254]
        let (data, floats) = try WeightTests().weight(
            #"{"mxfp4": {"blocks": "b", "scales": "s"}}"#, shape: "[5, 32]",
            tensors: [("b", .u8, [5, 16]), ("s", .u8, [5, 1])], data: ["b": Array(repeating: 0x2B, count: 80), "s": exponents])
        #expect(data.dtype == .mxfp4)
        // Codes 11 and 2 by turns: -1.5 and 1.
        #expect(floats == (0..<160).map { ($0 % 2 == 0 ? -1.5 : 1) * Self.scale(exponents[$0 / 32]) })
    }

    @Test func everySecondRowIsPickedBeforeBlocksArePutTogether() throws {
        let (blocks, scales, values) = Self.made(rows: 8, groups: 1)
        for from in 0...1 {
            let (data, floats) = try WeightTests().weight(
                #"{"mxfp4": {"blocks": "b", "scales": "s"}, "stored": [2, 4, 32], "transform": [{"every": {"step": 2, "from": \#(from), "axis": 1}}, {"reshape": [4, 32]}]}"#,
                shape: "[4, 32]", tensors: [("b", .u8, [2, 4, 1, 16]), ("s", .u8, [2, 4, 1])], data: ["b": blocks, "s": scales])
            #expect(data.dtype == .mxfp4 && data.bytes.count == 4 * 17)
            #expect(floats == (0..<128).map { values[(2 * ($0 / 32) + from) * 32 + $0 % 32] })
        }
        // Rows and columns of assembled blocks: the first stay packed, the second cut blocks.
        let (part, rows) = try WeightTests().weight(
            #"{"mxfp4": {"blocks": "b", "scales": "s"}, "transform": [{"rows": [2, 5]}]}"#, shape: "[3, 32]",
            tensors: [("b", .u8, [8, 1, 16]), ("s", .u8, [8, 1])], data: ["b": blocks, "s": scales])
        #expect(part.dtype == .mxfp4 && rows == Array(values[64..<160]))
        let (cut, columns) = try WeightTests().weight(
            #"{"mxfp4": {"blocks": "b", "scales": "s"}, "transform": [{"columns": [1, 3]}]}"#, shape: "[8, 2]",
            tensors: [("b", .u8, [8, 1, 16]), ("s", .u8, [8, 1])], data: ["b": blocks, "s": scales])
        #expect(cut.dtype == .f32 && columns == (0..<16).map { values[$0 / 2 * 32 + 1 + $0 % 2] })
    }

    @Test func theFirstSourceThatIsThereIsUsed() throws {
        let source = #"{"first": ["absent", {"name": "t", "transform": [{"rows": [1, 2]}]}, "u"]}"#
        #expect(try WeightTests().weight(source, shape: "[1, 2]", tensors: [("t", .f32, [4, 2]), ("u", .f32, [1, 2])]).1 == [2, 3])
        #expect(try WeightTests().weight(source, shape: "[1, 2]", tensors: [("u", .f32, [1, 2])]).1 == [0, 1])
    }

    @Test(arguments: [
        ([("b", DType.u8, [3, 2, 16])], HadalError.Code.notFound, "tensor 's' is missing; logits requires it"),
        ([("s", DType.u8, [3, 2])], .notFound, "tensor 'b' is missing; logits requires it"),
        (
            [("b", DType.u8, [3, 2, 16]), ("s", DType.u8, [3, 3])], .mismatch,
            "b of shape [3, 2, 16] does not fit MXFP4 scales 's' of shape [3, 3]"
        ),
        (
            [("b", DType.u8, [3, 2, 8]), ("s", DType.u8, [3, 2])], .mismatch,
            "b of shape [3, 2, 8] does not fit MXFP4 scales 's' of shape [3, 2]"
        ),
        ([("b", DType.u8, [16]), ("s", DType.u8, [0])], .mismatch, "does not fit MXFP4 scales"),
        (
            [("b", DType.u8, [3, 1, 16]), ("s", DType.u8, [3, 1])], .mismatch,
            "MXFP4 of b and s comes to shape [3, 32]; weight 'w' requires [3, 64]"
        ),
        ([("b", DType.f32, [3, 2, 16]), ("s", DType.u8, [3, 2])], .mismatch, "b is F32; MXFP4 parts are bytes"),
        ([("b", DType.u8, [3, 2, 16]), ("s", DType.f32, [3, 2])], .mismatch, "s is F32; MXFP4 parts are bytes"),
    ])
    func partsThatDoNotBelongTogetherAreNamed(tensors: [(String, DType, [Int])], code: HadalError.Code, message: String) throws {
        expectError(code, message) {
            try WeightTests().weight(#"{"mxfp4": {"blocks": "b", "scales": "s"}, "stored": [3, 64]}"#, shape: "[3, 64]", tensors: tensors)
        }
    }

    @Test(arguments: [
        (#"{"first": []}"#, HadalError.Code.malformed, "'first' lists 1 to 16 sources"),
        (#"{"first": ["t"], "name": "t"}"#, .malformed, "exactly one of"),
        (#"{"mxfp4": {"blocks": "t"}}"#, .malformed, "scales"),
        (#"{"mxfp4": {"blocks": "t", "scales": "s", "scale": 1}}"#, .malformed, "unknown key 'scale'"),
        (#"{"first": ["gone", "lost"]}"#, .notFound, "tensor 'gone' is missing"),
        (#"{"first": ["gone", "lost"]}"#, .notFound, "also looked for 'lost'"),
    ])
    func faultsOfTheDescription(source: String, code: HadalError.Code, message: String) throws {
        expectError(code, message) { try WeightTests().weight(source, shape: "[4, 2]", tensors: [("t", .f32, [4, 2])]) }
    }

    /// The tensor directory of gpt-oss as it is published: experts in MXFP4, transposed, gate and up by turns.
    private func published(
        _ edit: (inout [(name: String, dtype: DType, shape: [Int])]) -> Void = { _ in }
    ) throws -> FakeModel {
        try Families.model("gpt_oss") { config, tensors in
            config.insert(
                contentsOf: #""quantization_config": {"quant_method": "mxfp4"}, "#, at: config.index(after: config.firstIndex(of: "{")!))
            tensors = tensors.flatMap { tensor -> [(name: String, dtype: DType, shape: [Int])] in
                guard tensor.name.hasSuffix("experts.gate_up_proj") || tensor.name.hasSuffix("experts.down_proj") else { return [tensor] }
                let (experts, columns, rows) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
                return [
                    (tensor.name + "_blocks", .u8, [experts, rows, columns / 32, 16]),
                    (tensor.name + "_scales", .u8, [experts, rows, columns / 32]),
                ]
            }
            edit(&tensors)
        }
    }

    @Test func gptOssAsPublishedKeepsItsExpertsPacked() throws {
        let model = try published()
        let built = try ArchitectureLibrary().match(model).build(model, catalogue: OpCatalogue.load())
        #expect(built.warnings.isEmpty, "\(built.warnings)")
        let experts = built.main.nodes.filter { $0.op == "experts" }
        #expect(!experts.isEmpty)
        let packed = built.weights.values.filter { $0.dtype == .mxfp4 }
        #expect(packed.count == 3 * experts.count)
        #expect(Set(packed.map { String($0.name.prefix { $0 != "." }) }) == ["gate_proj", "up_proj", "down_proj"])
    }

    @Test func aPublishedCheckpointWithAFaultSaysWhich() throws {
        func fault(_ code: HadalError.Code, _ edit: (inout [(name: String, dtype: DType, shape: [Int])]) -> Void) throws -> String {
            let model = try published(edit)
            let error = expectError(code) { try ArchitectureLibrary().match(model).build(model, catalogue: OpCatalogue.load()) }
            return error?.description ?? ""
        }
        let scales = try fault(.notFound) { $0.removeAll { $0.name == "model.layers.1.mlp.experts.gate_up_proj_scales" } }
        #expect(scales.contains("tensor 'model.layers.1.mlp.experts.gate_up_proj_scales' is missing"), "\(scales)")
        let blocks = try fault(.notFound) { $0.removeAll { $0.name == "model.layers.1.mlp.experts.down_proj_blocks" } }
        #expect(blocks.contains("'model.layers.1.mlp.experts.down_proj' is missing") && blocks.contains("down_proj_blocks"), "\(blocks)")
        let short = try fault(.mismatch) {
            for i in $0.indices where $0[i].name == "model.layers.2.mlp.experts.down_proj_scales" { $0[i].shape[1] -= 1 }
        }
        #expect(short.contains("does not fit MXFP4 scales 'model.layers.2.mlp.experts.down_proj_scales'"), "\(short)")
    }
}
