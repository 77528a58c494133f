import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// What descriptions say layer by layer: numbers held in tensors or under keys of each layer, and layers that use another's cache.
@Suite struct LayerByLayerTests {
    static let head = """
        "hadal": "architecture/1", "model": {"layers": 1, "width": 4, "context_length": 8, "vocabulary_size": 4}
        """

    func build(
        _ text: String, config: String = "{}", tensors: [(String, DType, [Int])] = [("e", .f32, [3, 4])], data: [String: [UInt8]] = [:]
    ) throws -> ModelGraph {
        try Fixtures.withLibrary(["sample": text]) { library, folder in
            let model = try FakeModel(config: config, tensors: tensors, data: data)
            return try library.match(model, file: "\(folder)/sample.json").build(model, catalogue: OpCatalogue.load())
        }
    }

    static func bytes(_ value: Float) -> [UInt8] { withUnsafeBytes(of: value) { [UInt8]($0) } }

    func parameters(_ params: String, config: String = "{}", numbers: [String: Float] = [:]) throws -> [String: ExpressionValue] {
        let model = try build(
            """
            {\(Self.head), "name": "sample", "params": \(params),
             "weights": {"embed": {"safetensors": "e", "shape": [3, 4]}, "one": {"safetensors": "n.{layer}", "shape": [1], "optional": true},
                         "three": {"safetensors": "three", "shape": [3]}},
             "graph": [{"op": "embedding", "in": "rows", "weight": "embed", "out": "logits"}]}
            """, config: config,
            tensors: [("e", .f32, [3, 4]), ("three", .f32, [3])] + numbers.keys.map { ($0, .f32, [1]) },
            data: numbers.mapValues(Self.bytes).merging(["three": [UInt8](repeating: 0, count: 12)]) { a, _ in a })
        return Dictionary(model.parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
    }

    @Test func numbersHeldInTensors() throws {
        let params = #"{"a": {"type": "float", "per": 2, "element": "one", "default": 7}}"#
        #expect(try parameters(params, numbers: ["n.0": 1.5, "n.1": -2])["a"] == .array([.float(1.5), .float(-2)]))
        #expect(try parameters(params, numbers: ["n.1": -2])["a"] == .array([.null, .float(-2)]))
        #expect(try parameters(params)["a"] == .array([.float(7), .float(7)]))
        expectError(.mismatch, "has 3 elements, not one") { try parameters(#"{"a": {"type": "float", "element": "three"}}"#) }
    }

    @Test func keysOfEachLayer() throws {
        let params = #"{"a": {"type": "int", "per": 3, "config": "own.{layer}.width", "default": 8}}"#
        let given = try parameters(params, config: #"{"own": {"0": {"width": 5}, "2": {"width": 6}, "9": {"width": 7}}}"#)
        #expect(given["a"] == .array([.int(5), .null, .int(6)]))
        #expect(try parameters(params, config: #"{"own": {"1": {"height": 5}}}"#)["a"] == .array([.int(8), .int(8), .int(8)]))
        expectError(.mismatch, "own.1.width (parameter a) is") { try parameters(params, config: #"{"own": {"1": {"width": [1]}}}"#) }
    }

    /// Layers of one head of 4, of which `graph` says what each does.
    func attending(_ graph: String) throws -> ModelGraph {
        try build(
            """
            {\(Self.head), "name": "sample",
             "weights": {"embed": {"safetensors": "e", "shape": [4, 4]}},
             "state": {"kv": {"kind": "kv", "layers": 2, "heads": 1, "key": 4, "value": 4}},
             "graph": [{"op": "embedding", "in": "tokens", "weight": "embed", "out": "x"}, \(graph),
                       {"op": "gather_rows", "in": ["x", "rows"], "out": "logits"}]}
            """, tensors: [("e", .f32, [4, 4])])
    }

    static func attention(_ inputs: String, _ index: Int) -> String {
        """
        {"op": "attention", "in": \(inputs), "state": "kv", "state_index": \(index), "heads": 1, "kv_heads": 1, "head_dim": 4, "value_dim": 4,
         "scale": 1, "out": "x"}
        """
    }

    @Test("attention that is given no keys reads those of another layer, which must have appended them before")
    func sharedCache() throws {
        let (appends, reads) = (Self.attention("[\"x\", \"x\", \"x\"]", 1), Self.attention("\"x\"", 1))
        let nodes = try attending("\(appends), \(reads)").main.nodes("attention")
        #expect(nodes.map { $0.inputs.filter { $0 != .none }.count } == [3, 1])
        #expect(Set(nodes.map(\.states)).count == 1)
        expectError(.mismatch, "nothing has been appended to state 'kv'", "'k' and 'v'") { try attending("\(reads), \(appends)") }
        expectError(.mismatch, "nothing has been appended") { try attending("\(appends), \(Self.attention("\"x\"", 0))") }
    }

    @Test("a rotary table's frequencies may be given pair by pair")
    func frequencies() throws {
        func table(_ frequency: String) throws -> [Float] {
            let model = try build(
                """
                {\(Self.head), "name": "sample", "weights": {"embed": {"safetensors": "e", "shape": [4, 4]}},
                 "rope": {"t": {"dim": 4, "theta": 100, "frequency": "\(frequency)"}},
                 "graph": [{"op": "embedding", "in": "tokens", "weight": "embed", "out": "x"},
                           {"op": "rope", "in": ["x", "positions"], "table": "t", "heads": 1, "out": "x"},
                           {"op": "gather_rows", "in": ["x", "rows"], "out": "logits"}]}
                """, tensors: [("e", .f32, [4, 4])])
            return try #require(model.weights["rope.t"]).materialise(from: try FakeModel(config: "{}")).floats()
        }
        #expect(try table("pair < 1 ? 0.25 : 0") == [0.25, 0])
        expectError(.mismatch, "frequency: 'x' is a text, not a number") { try table("'x'") }
    }
}
