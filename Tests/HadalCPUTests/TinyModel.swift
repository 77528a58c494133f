import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph
import TestSupport

/// A two-layer model with everything that is fused: shared inputs, residuals, tied head, per-layer rope, hidden values as outputs.
/// As a mixture it has latent attention and experts instead of plain attention and one gated unit; a sparse one has an indexer too.
final class TinyModel {
    let segment: Segment
    let storage: [UnsafeMutableRawBufferPointer]
    static let vocabulary = 50, width = 64, heads = 4, keyHeads = 2, headDim = 16, hidden = 96
    /// Tokens that a sparse model's indexer chooses.
    static let selected = 6
    let bounds: Segment.Bounds

    /// - Parameters:
    ///   - dtype: of the matrices: f32, bf16, q8_0 or q4_1.
    ///   - tokens: of a step at most.
    init(_ catalogue: OpCatalogue, dtype: DType, isMixture: Bool = false, isSparse: Bool = false, seed: UInt64 = 7, tokens: Int = 40) throws
    {
        bounds = Segment.Bounds(tokens: tokens, sequences: 3, rows: tokens)
        var random = SeededGenerator(seed: seed)
        var builder = GraphBuilder(name: "tiny", catalogue: catalogue)
        var storage: [UnsafeMutableRawBufferPointer] = []
        func weight(_ name: String, _ dims: [Int], _ dtype: DType, spread: Float, base: Float = 0) -> Graph.Operand {
            let count = dims.reduce(1, *)
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: dtype.byteCount(elements: count) ?? 0, alignment: 64)
            func number() -> Float { base + spread * Float.random(in: -1...1, using: &random) }
            switch dtype {
            case .f32: for i in 0..<count { memory.storeBytes(of: number(), toByteOffset: 4 * i, as: Float.self) }
            case .bf16:
                for i in 0..<count { memory.storeBytes(of: UInt16(number().bitPattern >> 16), toByteOffset: 2 * i, as: UInt16.self) }
            default:
                for i in memory.indices { memory[i] = UInt8.random(in: 0...255, using: &random) }
                // Scales of a sensible size: codes reach 127 or 15.
                let scale = dtype == .q8_0 ? spread / 127 : spread / 8
                for block in stride(from: 0, to: memory.count, by: dtype.blockBytes) {
                    memory.storeBytes(of: Float16(scale).bitPattern, toByteOffset: block, as: UInt16.self)
                    if dtype == .q4_1 { memory.storeBytes(of: Float16(-7.5 * scale).bitPattern, toByteOffset: block + 2, as: UInt16.self) }
                }
            }
            storage.append(memory)
            return .weight(builder.weight(.init(name: name, dtype: dtype, dims: dims)))
        }
        let tokens = builder.input("tokens", dtype: .i32, dims: [.tokens])
        let positions = builder.input("positions", dtype: .i32, dims: [.tokens])
        let rows = builder.input("rows", dtype: .i32, dims: [.rows])
        let table = weight("table", [Self.vocabulary, Self.width], dtype, spread: 1)
        func node(_ op: String, _ inputs: [Graph.Operand], _ attributes: [String: ExpressionValue] = [:], states: [Int] = []) throws -> Int
        {
            try builder.node(
                op, label: "\(op).\(builder.graph.nodes.count)", inputs: inputs, states: states, attributes: attributes,
                outputNames: ["v\(builder.graph.values.count)"])[0]
        }
        var x = try node("embedding", [.value(tokens), table])
        builder.output(x)
        for layer in 0..<2 {
            func matrix(_ name: String, _ out: Int, _ into: Int) -> Graph.Operand {
                weight("\(layer).\(name)", [out, into], dtype, spread: 0.3)
            }
            let norm = weight("\(layer).norm", [Self.width], .f32, spread: 0.2, base: 1)
            let h = try node("rms_norm", [.value(x), norm])
            // The same numbers under a name of each layer's own.
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 64)
            for i in 0..<8 { memory.storeBytes(of: Float(1) / Float(1 << i), toByteOffset: 4 * i, as: Float.self) }
            storage.append(memory)
            let frequencies = Graph.Operand.weight(builder.weight(.init(name: "\(layer).frequencies", dtype: .f32, dims: [1, 8])))
            let mixed: Int
            if isMixture {
                let q = try node("linear", [.value(h), matrix("q", Self.heads * 24, Self.width)])
                let latent = try node("linear", [.value(h), matrix("latent", 32, Self.width)])
                let key = try node("linear", [.value(h), matrix("key", 16, Self.width)])
                let rotated = try node("rope", [.value(key), .value(positions), frequencies], ["heads": .int(1), "rotary": .int(16)])
                let kvB = matrix("kv_b", Self.heads * 24, 32)
                var operands: [Graph.Operand] = [.value(q), .value(latent), .value(rotated), kvB]
                if isSparse {
                    let q = try node("linear", [.value(h), matrix("index.q", 3 * 16, Self.width)])
                    let k = try node("linear", [.value(h), matrix("index.k", 16, Self.width)])
                    let w = try node("linear", [.value(h), matrix("index.w", 3, Self.width)])
                    let selection = try node(
                        "indexer", [.value(q), .value(k), .value(w)], ["heads": .int(3), "dim": .int(16), "top_k": .int(Self.selected)],
                        states: [builder.state(.init(name: "\(layer).index", heads: 1, width: 16))])
                    operands.append(.value(selection))
                }
                mixed = try node(
                    "latent_attention", operands,
                    [
                        "heads": .int(Self.heads), "nope_dim": .int(8), "rope_dim": .int(16), "value_dim": .int(16), "rank": .int(32),
                        "scale": .float(0.2),
                    ], states: [builder.state(.init(name: "\(layer).latent", heads: 1, width: 48))])
            } else {
                let q = try node("linear", [.value(h), matrix("q", Self.heads * Self.headDim, Self.width)])
                let k = try node("linear", [.value(h), matrix("k", Self.keyHeads * Self.headDim, Self.width)])
                let v = try node(
                    "linear",
                    [.value(h), matrix("v", Self.keyHeads * Self.headDim, Self.width), weight("\(layer).bias", [32], .f32, spread: 0.1)])
                let turnedQ = try node(
                    "rope", [.value(q), .value(positions), frequencies], ["heads": .int(Self.heads), "rotary": .int(16)])
                let turnedK = try node(
                    "rope", [.value(k), .value(positions), frequencies], ["heads": .int(Self.keyHeads), "rotary": .int(16)])
                let states = ["key", "value"].map {
                    builder.state(.init(name: "\(layer).\($0)", heads: Self.keyHeads, width: Self.headDim))
                }
                mixed = try node(
                    "attention", [.value(turnedQ), .value(turnedK), .value(v)],
                    [
                        "heads": .int(Self.heads), "kv_heads": .int(Self.keyHeads), "head_dim": .int(16), "value_dim": .int(16),
                        "scale": .float(0.25),
                    ],
                    states: states)
            }
            let o = try node("linear", [.value(mixed), matrix("o", Self.width, Self.heads * Self.headDim)])
            let middle = try node("add", layer == 0 ? [.value(x), .value(o)] : [.value(o), .value(x)])
            let g = try node("rms_norm", [.value(middle), norm])
            let down: Int
            if isMixture {
                let router = weight("\(layer).router", [6, Self.width], .f32, spread: 0.3)
                let choice = try builder.node(
                    "router", label: "router.\(layer)", inputs: [.value(g), router], states: [], attributes: ["top_k": .int(2)],
                    outputNames: ["indices.\(layer)", "weights.\(layer)"])
                down = try node(
                    "experts",
                    [.value(g), .value(choice[0]), .value(choice[1])]
                        + [("gates", Self.hidden, Self.width), ("ups", Self.hidden, Self.width), ("downs", Self.width, Self.hidden)].map {
                            weight("\(layer).\($0.0)", [6, $0.1, $0.2], dtype, spread: 0.3)
                        })
            } else {
                let gate = try node("linear", [.value(g), matrix("gate", Self.hidden, Self.width)])
                let up = try node("linear", [.value(g), matrix("up", Self.hidden, Self.width)])
                let act = try node("glu", [.value(gate), .value(up)])
                down = try node("linear", [.value(act), matrix("down", Self.width, Self.hidden)])
            }
            x = try node("add", [.value(middle), .value(down)])
            if layer == 0 { builder.output(x) }
        }
        let last = try node("gather_rows", [.value(x), .value(rows)])
        builder.output(try node("linear", [.value(last), table]))
        self.storage = storage
        segment = Segment(
            graph: builder.graph, weights: storage.map { .init(bytes: UnsafeRawBufferPointer($0)) }, bounds: bounds, stateDType: .f32,
            pageTokens: 8)
    }

    deinit { for memory in storage { memory.deallocate() } }
}

/// A compiled model with caches of its own: runs steps and keeps what came out.
final class TinyRunner {
    let model: TinyModel
    let executable: any Executable
    let states: [HostBuffer]
    var inputs: [[Int32]] = [[0], [0], [0]]
    private(set) var outputs: [[Float]]
    var cancel: UInt32 = 0
    static let pages = 24

    /// - Parameter segment: the model's in another form; nil: as it is.
    init(_ model: TinyModel, on device: any Device, as segment: Segment? = nil, executable: (any Executable)? = nil) throws {
        self.model = model
        self.executable = try executable ?? device.compile(segment ?? model.segment)
        states = try model.segment.graph.states.map { try HostBuffer(bytes: model.segment.pageBytes(of: $0) * Self.pages) }
        let widths = [TinyModel.width, TinyModel.width, TinyModel.vocabulary]
        outputs = widths.map { [Float](repeating: .nan, count: $0 * model.bounds.tokens) }
    }

    /// Several sequences in one step: number (0, 1 or 2), tokens already cached, new tokens. Logits of every token.
    /// - Parameter measuring: called twice, right before and right after `repeats` executions.
    func run(_ parts: [(sequence: Int, past: Int, tokens: [Int32])], repeats: Int = 1, measuring: (() -> Void)? = nil) throws {
        inputs[0] = parts.flatMap(\.tokens)
        inputs[1] = parts.flatMap { part in part.tokens.indices.map { Int32(part.past + $0) } }
        inputs[2] = inputs[0].indices.map(Int32.init)
        // Pages in an order of their own, so that a page number is never mistaken for a position.
        let pages = (0..<3).flatMap { sequence in (0..<8).map { UInt32(($0 * 3 + sequence) * 5 % Self.pages) } }
        var first = 0
        let sequences = parts.map { part in
            defer { first += part.tokens.count }
            return hadal_sequence(
                first_token: UInt32(first), token_count: UInt32(part.tokens.count), past: UInt32(part.past), planned_length: 64,
                first_page: UInt32(part.sequence * 8), page_count: 8, slot_before: UInt32(2 * part.sequence),
                slot_after: UInt32(2 * part.sequence + 1))
        }
        let inputBindings = inputs.map { array in
            let copy = UnsafeMutablePointer<Int32>.allocate(capacity: array.count)
            copy.update(from: array, count: array.count)
            return hadal_binding(buffer: nil, host: copy, offset: 0, bytes: UInt64(4 * array.count))
        }
        let outputBindings = outputs.map { array in
            let copy = UnsafeMutablePointer<Float>.allocate(capacity: array.count)
            copy.initialize(repeating: .nan, count: array.count)
            return hadal_binding(buffer: nil, host: copy, offset: 0, bytes: UInt64(4 * array.count))
        }
        defer { for binding in inputBindings + outputBindings { binding.host.deallocate() } }
        let stateBindings = states.map { hadal_binding(buffer: nil, host: $0.pointer, offset: 0, bytes: UInt64($0.bytes)) }
        var step = hadal_step()
        step.size = UInt32(MemoryLayout<hadal_step>.size)
        step.tokens = UInt32(inputs[0].count)
        step.rows = step.tokens
        step.sequence_count = UInt32(parts.count)
        step.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
        step.page_list_count = UInt32(pages.count)
        try sequences.withUnsafeBufferPointer { sequences in
            try pages.withUnsafeBufferPointer { pages in
                try inputBindings.withUnsafeBufferPointer { inputBindings in
                    try outputBindings.withUnsafeBufferPointer { outputBindings in
                        try stateBindings.withUnsafeBufferPointer { stateBindings in
                            step.sequences = sequences.baseAddress
                            step.pages = pages.baseAddress
                            let execution = Execution(
                                inputs: inputBindings, outputs: outputBindings, states: stateBindings, step: &step, cancel: &cancel)
                            measuring?()
                            for _ in 0..<repeats { try executable.execute(execution) }
                            measuring?()
                        }
                    }
                }
            }
        }
        for (index, binding) in outputBindings.enumerated() {
            let floats = binding.host.assumingMemoryBound(to: Float.self)
            for i in outputs[index].indices { outputs[index][i] = floats[i] }
        }
    }
}
