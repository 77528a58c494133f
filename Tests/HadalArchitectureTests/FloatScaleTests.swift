import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// Float8 tensors with scales of every published form.
@Suite struct FloatScaleTests {
    /// A graph that uses `w` as a stack of matrices.
    private static let experts = """
        [{"op": "embedding", "in": "rows", "weight": "e", "out": "x"},
         {"op": "router", "in": "x", "weight": "r", "top_k": 1, "out": ["chosen", "share"]},
         {"op": "experts", "in": ["x", "chosen", "share"], "gate": "w", "up": "w", "down": "d", "out": "logits"}]
        """

    /// The numbers of a weight made of ones in e4m3 with these scales, and the scales that stay beside it.
    private func weight(
        _ shape: [Int], source: String = "\"w.weight\"", made: [Int]? = nil, scales: (name: String, dtype: DType, shape: [Int]),
        bytes: [UInt8],
        config: String = #"{"quantization_config": {"quant_method": "fp8"}}"#
    ) throws -> (data: WeightData, floats: [Float], warnings: [String]) {
        let columns = shape.count == 3 ? 32 : (made ?? shape).last ?? 0
        let text = """
            {"hadal": "architecture/1", "name": "sample", "model": {"layers": 1, "width": 1, "context_length": 8, "vocabulary_size": \(columns)},
             "weights": {"w": {"safetensors": \(source), "shape": \(made ?? shape)}, "e": {"safetensors": "e", "shape": [4, 32]},
                         "r": {"safetensors": "r", "shape": [2, 32]}, "d": {"safetensors": "d", "shape": [2, 32, 3]}},
             "graph": \(shape.count == 3 ? Self.experts : #"[{"op": "embedding", "in": "rows", "weight": "w", "out": "logits"}]"#)}
            """
        let count = shape.reduce(1, *)
        var tensors: [(String, DType, [Int])] = [
            ("w.weight", .f8_e4m3, shape), (scales.name, scales.dtype, scales.shape), ("w.input_scale", .f32, []),
        ]
        if shape.count == 3 { tensors += [("e", .f32, [4, 32]), ("r", .f32, [2, 32]), ("d", .f32, [2, 32, 3])] }
        return try Fixtures.withLibrary(["sample": text]) { library, folder in
            let model = try FakeModel(
                config: config, tensors: tensors, data: ["w.weight": Array(repeating: 0x38, count: count), scales.name: bytes])
            let built = try library.match(model, file: "\(folder)/sample.json").build(model, catalogue: OpCatalogue.load())
            let binding = try #require(built.weights["w"] ?? built.weights["w.f32"])
            let data = try binding.materialise(from: model)
            return (data, try data.floats(), built.warnings)
        }
    }

    /// Names and shapes of scales, and the rows and columns of blocks that they make of 3 x 32 numbers.
    static let forms: [(name: String, shape: [Int], rows: Int, columns: Int)] = [
        ("w.weight_scale_inv", [], 1, 1), ("w.weight_scale", [1], 1, 1), ("w.scale", [1, 1], 1, 1), ("w.scale_inv", [3, 1], 3, 1),
        ("w.weight_scale", [3], 3, 1), ("w.weight_scale", [3, 2], 3, 2), ("w.weight_scale", [3, 4], 3, 4),
        ("w.weight_scale", [1, 2], 1, 2),
    ]

    @Test(arguments: forms)
    func scalesOfAMatrix(name: String, shape: [Int], rows: Int, columns: Int) throws {
        let scales = (1...rows * columns).map { Float($0) }
        let (data, floats, warnings) = try weight([3, 32], scales: (name, .f32, shape), bytes: WeightTests.bytes(scales))
        let wanted: [Float] = (0..<96).map { i in
            let (row, column) = (i / 32 * rows / 3, i % 32 * columns / 32)
            return scales[row * columns + column]
        }
        #expect(floats == wanted)
        #expect(warnings.isEmpty)
        // Backends read 16 numbers at a time under one scale; smaller blocks are multiplied in.
        let narrow = shape.last == 4
        #expect(data.dtype == (narrow ? .f32 : .f8_e4m3) && (data.scales == nil) == narrow)
    }

    @Test(arguments: [
        ([2], [2, 1, 1]), ([2, 1, 1], [2, 1, 1]), ([2, 3], [2, 3, 1]), ([2, 3, 1], [2, 3, 1]), ([2, 3, 2], [2, 3, 2]),
    ])
    func scalesOfAStack(shape: [Int], meant: [Int]) throws {
        let count = shape.reduce(1, *)
        let (data, floats, _) = try weight(
            [2, 3, 32], scales: ("w.weight_scale", .f32, shape), bytes: WeightTests.bytes((1...count).map(Float.init)))
        #expect(data.dtype == .f8_e4m3 && data.scales?.shape.rows == meant[0] * meant[1] && data.scales?.shape.columns == meant[2])
        for (i, value) in floats.enumerated() {
            let (matrix, row, column) = (i / 96, i / 32 % 3 * meant[1] / 3, i % 32 * meant[2] / 32)
            let at = (matrix * meant[1] + row) * meant[2] + column
            #expect(value == Float(at + 1))
        }
    }

    /// Half the rows of a matrix: scales are cut along.
    static let cuts: [(shape: [Int], wanted: [Float])] = [([4, 1], [3, 4]), ([2, 1], [2, 2]), ([1, 1], [1, 1])]

    @Test(arguments: cuts)
    func cutsBetweenBlocksKeepScales(shape: [Int], wanted: [Float]) throws {
        let count = shape.reduce(1, *)
        let half = #"{"name": "w.weight", "transform": [{"chunk": {"of": 2, "index": 1}}]}"#
        let (data, floats, _) = try weight(
            [4, 16], source: half, made: [2, 16], scales: ("w.weight_scale", .f32, shape),
            bytes: WeightTests.bytes((1...count).map(Float.init)),
            config: #"{"quantization_config": {"quant_method": "fp8", "weight_block_size": [\#(4 / count), 128]}}"#)
        #expect(data.dtype == .f8_e4m3 && data.isMapped)
        #expect(floats == wanted.flatMap { Array(repeating: $0, count: 16) })
    }

    static let types: [(dtype: DType, bytes: [UInt8], wanted: Float)] = [
        (.bf16, [0x00, 0x40], 2), (.f16, [0x00, 0x42], 3), (.u8, [0x80], 2), (.u8, [0x7D], 0.25), (.u8, [0], 0x1p-127),
    ]

    @Test(arguments: types)
    func typesOfScales(dtype: DType, bytes: [UInt8], wanted: Float) throws {
        let (_, floats, _) = try weight([2, 16], scales: ("w.weight_scale", dtype, [1]), bytes: bytes)
        #expect(floats == .init(repeating: wanted, count: 32))
    }

    static let misfits: [(shape: [Int], stated: String, message: String)] = [
        ([5], "", "shape [3, 32] does not fit scales 'w.weight_scale' of shape [5]"), ([2, 5], "", "does not fit scales"),
        ([1, 1, 1, 1], "", ""),
        ([3, 2], #", "weight_block_size": [1, 8]"#, "blocks are stated to be 1 x 8"),
    ]

    @Test(arguments: misfits)
    func scalesThatDoNotFit(shape: [Int], stated: String, message: String) throws {
        let count = shape.reduce(1, *)
        func load() throws {
            _ = try weight(
                [3, 32], scales: ("w.weight_scale", .f32, shape), bytes: WeightTests.bytes(.init(repeating: 1, count: count)),
                config: #"{"quantization_config": {"quant_method": "fp8"\#(stated)}}"#)
        }
        guard !message.isEmpty else { return try load() }
        expectError(.mismatch, message) { try load() }
    }

    @Test func missingScalesAreNamed() throws {
        expectError(.notFound, "the scales of float8 tensor 'w.weight'") {
            try weight([3, 32], scales: ("other", .f32, [1]), bytes: WeightTests.bytes([1]))
        }
    }

    @Test func mxfp4IsAMatterOfTheFamily() throws {
        let error = expectError(.unsupported) {
            try weight([3, 32], scales: ("s", .f32, [1]), bytes: [], config: #"{"quantization_config": {"quant_method": "mxfp4"}}"#)
        }
        #expect(error?.description.hasPrefix("model/config.json:1:") == true)
        #expect(error?.message == "weights quantised with mxfp4 are not supported")
    }
}
