import HadalCore
import HadalGraph
import Testing
import TestSupport

@Suite struct GraphBuilderTests {
    let catalogue: OpCatalogue
    init() throws { catalogue = try OpCatalogue.load() }

    @Test func everyContractOfTheInstallationParses() {
        #expect(catalogue.contracts.count >= 19)
        for (name, contract) in catalogue.contracts {
            #expect(contract.name == name && !contract.summary.isEmpty && !contract.outputs.isEmpty && !contract.cases.isEmpty, "\(name)")
        }
    }

    @Test func shapesAreInferred() throws {
        var builder = GraphBuilder(name: "g", catalogue: catalogue)
        let tokens = builder.input("tokens", dtype: .i32, dims: [.tokens])
        let table = builder.weight(.init(name: "e", dtype: .q8_0, dims: [100, 64]))
        let x = try builder.node("embedding", label: "embed", inputs: [.value(tokens), .weight(table)], outputNames: ["x"])[0]
        #expect(builder.graph.values[x].dims == [.tokens, .fixed(64)])
        let w = builder.weight(.init(name: "w", dtype: .bf16, dims: [96, 64]))
        let y = try builder.node("linear", label: "y", inputs: [.value(x), .weight(w)], outputNames: ["y"])[0]
        #expect(builder.graph.nodes.last?.inputs.count == 3)
        let parts = try builder.node(
            "split", label: "parts", inputs: [.value(y)], attributes: ["sizes": .array([.int(64), .int(16), .int(16)])],
            outputNames: ["q", "k", "v"])
        #expect(parts.map { builder.graph.values[$0].dims[1] } == [.fixed(64), .fixed(16), .fixed(16)])
        let joined = try builder.node("concat", label: "joined", inputs: parts.map { .value($0) }, outputNames: ["j"])[0]
        #expect(builder.graph.values[joined].dims == [.tokens, .fixed(96)])
        let key = builder.state(.init(name: "k", heads: 2, width: 8)), value = builder.state(.init(name: "v", heads: 2, width: 8))
        let attributes: [String: ExpressionValue] = [
            "heads": .int(8), "kv_heads": .int(2), "head_dim": .int(8), "value_dim": .int(8), "scale": .float(0.5),
        ]
        let a = try builder.node(
            "attention", label: "a", inputs: parts.map { .value($0) }, states: [key, value], attributes: attributes, outputNames: ["a"])[0]
        #expect(builder.graph.values[a].dims == [.tokens, .fixed(64)])
        #expect(builder.graph.nodes.last?.int("window") == 0)
    }

    @Test func operandsGoByTheNamesOfTheContract() throws {
        var builder = GraphBuilder(name: "g", catalogue: catalogue)
        let x = builder.input("x", dtype: .f32, dims: [.tokens, .fixed(64)]),
            w = builder.weight(.init(name: "w", dtype: .bf16, dims: [96, 64]))
        _ = try builder.node("linear", label: "y", inputs: [.value(x), .weight(w)], outputNames: ["y"])
        let node = try #require(builder.graph.nodes.last), contract = try catalogue.contract(for: "linear")
        #expect(try node.value("x", contract) == x && node.weight("weight", contract) == w && node.operand("bias", contract) == .none)
        #expect(try node.weight("x", contract) == nil && node.value("weight", contract) == nil)
        expectError(.mismatch, "'wieght'") { try node.weight("wieght", contract) }
    }

    @Test func attributesOfStockOpsAreThoseOfTheirContracts() {
        func node(_ op: String) -> Graph.Node { Graph.Node(label: "n", op: op, inputs: [], outputs: []) }
        #expect(
            node("rope").mayHave(attribute: "rotary") && !node("rope").mayHave(attribute: "rotory")
                && node("mine").mayHave(attribute: "anything"))
    }

    func fault(
        _ op: String, dims: [[Int]], attributes: [String: ExpressionValue] = [:], weights: Set<Int> = [], dtype: DType = .f32,
        states: Int = 0, code: HadalError.Code = .mismatch
    ) throws -> String {
        var builder = GraphBuilder(name: "g", catalogue: catalogue)
        let operands = dims.enumerated().map { i, dims -> Graph.Operand in
            weights.contains(i)
                ? .weight(builder.weight(.init(name: "w\(i)", dtype: dtype, dims: dims)))
                : .value(builder.input("x\(i)", dtype: .f32, dims: [.tokens] + dims.map { .fixed($0) }))
        }
        let held = (0..<states).map { builder.state(.init(name: "s\($0)", heads: 1, width: 4)) }
        let outputs = catalogue.contracts[op]?.outputs.map(\.name) ?? ["y"]
        let error = expectError(code) {
            try builder.node(op, label: "layers.0.thing", inputs: operands, states: held, attributes: attributes, outputNames: outputs)
        }
        return error?.description ?? ""
    }

    @Test("a norm's weights are as long as a slice or as the row, and may be left out", arguments: ["rms_norm", "layer_norm"])
    func normsOfSlices(op: String) throws {
        for width in [nil, 3, 6] {
            var builder = GraphBuilder(name: "g", catalogue: try OpCatalogue.load())
            let x = builder.input("x", dtype: .f32, dims: [.tokens, .fixed(6)])
            let weight = width.map { builder.weight(.init(name: "w", dtype: .f32, dims: [$0])) }
            let inputs: [Graph.Operand] = [.value(x)] + (weight.map { [.weight($0)] } ?? [])
            #expect(try builder.node(op, label: "n", inputs: inputs, attributes: ["groups": .int(2)], outputNames: ["y"]).count == 1)
        }
    }

    @Test func disagreementsNameBothShapes() throws {
        #expect(try fault("add", dims: [[4], [5]]) == "layers.0.thing: add: requires D % W == 0 (D = 4, W = 5)")
        #expect(try fault("glu", dims: [[4], [5]]) == "layers.0.thing: glu: input 'up' (x1) has shape [T, 5], but D is 4")
        #expect(try fault("linear", dims: [[4], [3, 5]], weights: [1]).contains("input 'weight' (w1) has shape [3, 5], but K is 4"))
        #expect(
            try fault("rms_norm", dims: [[6], [4]], attributes: ["groups": .int(2)], weights: [1]).contains(
                "W == D || W == D / groups (D = 6, W = 4, groups = 2)"))
        #expect(
            try fault("layer_norm", dims: [[6], [3], [6]], attributes: ["groups": .int(2)], weights: [1, 2]).contains(
                "has shape [6], but W is 3"))
        #expect(try fault("rms_norm", dims: [[6], [6]], weights: [1], dtype: .q8_0).contains("is Q8_0; it may be F32, F16, BF16"))
        #expect(try fault("add", dims: [[4]]).contains("input 'b' is missing"))
        #expect(try fault("scale", dims: [[4]]).contains("attribute 'factor' is missing"))
        #expect(
            try fault("scale", dims: [[4]], attributes: ["factor": .float(1), "fraktor": .int(1)]).contains("unknown attribute 'fraktor'"))
        #expect(try fault("activation", dims: [[4]], attributes: ["kind": .string("sulu")]).contains("one of silu"))
        #expect(try fault("split", dims: [[4]], attributes: ["sizes": .array([.int(1), .int(2)])]).contains("sum(sizes) == D"))
        let wide: [String: ExpressionValue] = [
            "heads": .int(3), "kv_heads": .int(2), "head_dim": .int(4), "value_dim": .int(4), "scale": .int(1),
        ]
        #expect(try fault("attention", dims: [[12], [8], [8]], attributes: wide, states: 2).contains("heads % kv_heads == 0"))
        let narrow = wide.merging(["heads": .int(2)]) { $1 }
        #expect(
            try fault("attention", dims: [[8], [8], [8]], attributes: narrow, states: 2).contains(
                "holds 1 x 4 elements a token, the op requires 2 x 4"))
        #expect(try fault("attention", dims: [[8], [8], [8]], attributes: narrow).contains("uses 2 states, not 0"))
        for (later, chunk, reason) in [
            (-1, 4, "window_chunk == 0 || window_future == 0"), (3, 4, "window_future == 0"), (-2, 0, "at least -1"),
        ] {
            let both = narrow.merging(["window_future": .int(later), "window_chunk": .int(chunk)]) { $1 }
            #expect(try fault("attention", dims: [[8], [8], [8]], attributes: both, states: 2).contains(reason))
        }
        #expect(try fault("nosuch", dims: [[4]], code: .notFound).contains("unknown op 'nosuch'"))
    }
}
