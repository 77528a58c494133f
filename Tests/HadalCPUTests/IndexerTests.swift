import CHadalPlugin
import HadalBackend
import HadalCPU
import HadalCore
import HadalGraph
import HadalReference
import Testing

/// What an indexer chooses where scores are no plain numbers, or all the same, over keys that several threads share.
@Suite struct IndexerTests {
    static let heads = 2, dim = 8, top = 70, pageTokens = 16

    /// One token after `past` others; the chosen tokens.
    private func choice(_ device: any Device, keys: [[Float]], q: [Float], w: [Float]) throws -> [Int32] {
        var builder = GraphBuilder(name: "indexer", catalogue: try OpCatalogue.load())
        let inputs = [("q", Self.heads * Self.dim), ("k", Self.dim), ("w", Self.heads)].map {
            builder.input($0.0, dtype: .f32, dims: [.tokens, .fixed($0.1)])
        }
        let state = builder.state(.init(name: "key", heads: 1, width: Self.dim))
        let outputs = try builder.node(
            "indexer", label: "indexer", inputs: inputs.map { .value($0) }, states: [state],
            attributes: ["heads": .int(Self.heads), "dim": .int(Self.dim), "top_k": .int(Self.top)], outputNames: ["selection"])
        builder.output(outputs[0])
        let segment = Segment(
            graph: builder.graph, weights: [], bounds: .init(tokens: 1, sequences: 1, rows: 1), stateDType: .f32,
            pageTokens: Self.pageTokens)
        let pages = (keys.count + Self.pageTokens - 1) / Self.pageTokens
        let cache = try HostBuffer(bytes: pages * Self.pageTokens * Self.dim * 4)
        // The last page first.
        let list = (0..<pages).map { UInt32(pages - 1 - $0) }
        for (j, key) in keys.dropLast().enumerated() {
            let row = Int(list[j / Self.pageTokens]) * Self.pageTokens + j % Self.pageTokens
            for (d, x) in key.enumerated() { cache.pointer.storeBytes(of: x, toByteOffset: (row * Self.dim + d) * 4, as: Float.self) }
        }
        let bound = try [q, keys[keys.count - 1], w].map { values in
            let buffer = try HostBuffer(bytes: values.count * 4)
            for (i, x) in values.enumerated() { buffer.pointer.storeBytes(of: x, toByteOffset: 4 * i, as: Float.self) }
            return buffer
        }
        let result = try HostBuffer(bytes: Self.top * 4)
        func binding(_ buffer: HostBuffer) -> hadal_binding {
            hadal_binding(buffer: nil, host: buffer.pointer, offset: 0, bytes: UInt64(buffer.bytes))
        }
        var step = hadal_step()
        step.size = UInt32(MemoryLayout<hadal_step>.size)
        (step.tokens, step.rows, step.sequence_count) = (1, 1, 1)
        step.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
        step.page_list_count = UInt32(pages)
        let past = UInt32(keys.count - 1)
        let sequence = hadal_sequence(
            first_token: 0, token_count: 1, past: past, planned_length: past + 1, first_page: 0, page_count: UInt32(pages), slot_before: 0,
            slot_after: 1)
        var cancel: UInt32 = 0
        let executable = try device.compile(segment)
        try [sequence].withUnsafeBufferPointer { sequences in
            try list.withUnsafeBufferPointer { list in
                try bound.map(binding).withUnsafeBufferPointer { inputs in
                    try [binding(result)].withUnsafeBufferPointer { outputs in
                        try [binding(cache)].withUnsafeBufferPointer { states in
                            step.sequences = sequences.baseAddress
                            step.pages = list.baseAddress
                            try executable.execute(
                                Execution(inputs: inputs, outputs: outputs, states: states, step: &step, cancel: &cancel))
                        }
                    }
                }
            }
        }
        return (0..<Self.top).map { result.pointer.load(fromByteOffset: 4 * $0, as: Int32.self) }
    }

    /// Keys whose scores are those given, for a query of ones in dimension 0 of head 0 and weights of 1.
    private func choice(_ device: any Device, scores: [Float]) throws -> [Int32] {
        var q = [Float](repeating: 0, count: Self.heads * Self.dim)
        (q[0], q[Self.dim + 1]) = (1, 1)
        // Head 0 gives what is positive, head 1 with its negative weight the rest; NaN goes through either.
        let keys = scores.map { score -> [Float] in
            [score < 0 ? 0 : score, score < 0 ? -score : 0] + [Float](repeating: 0, count: Self.dim - 2)
        }
        return try choice(device, keys: keys, q: q, w: [1, -1])
    }

    private func expected(_ scores: [Float]) -> [Int32] {
        func rank(_ x: Float) -> Float { x.isNaN ? -.infinity : x }
        let order = scores.indices.sorted { rank(scores[$0]) != rank(scores[$1]) ? rank(scores[$0]) > rank(scores[$1]) : $0 < $1 }
        let chosen = order.prefix(Self.top).sorted().map { Int32($0) }
        return chosen + [Int32](repeating: -1, count: Self.top - chosen.count)
    }

    /// Scores of `count` keys, by name.
    private func scores(_ kind: String, _ count: Int) -> [Float] {
        (0..<count).map { j -> Float in
            switch kind {
            case "rising": Float(j)
            case "falling": Float(-j)
            case "equal": 3
            case "zeros of both signs": j % 2 == 0 ? 0 : -0.0
            case "few values": Float(j * 7919 % 5)
            case "NaN": .nan
            case "NaN among numbers": j % 3 == 0 ? .nan : Float(j * 7919 % 101)
            case "mostly NaN": j % 40 == 7 ? -1 : .nan
            default: j % 50 == 0 ? .greatestFiniteMagnitude : j % 7 == 0 ? -.greatestFiniteMagnitude : Float(j * 7919 % 997) - 500
            }
        }
    }

    @Test(arguments: [
        "rising", "falling", "equal", "zeros of both signs", "few values", "NaN", "NaN among numbers", "mostly NaN", "largest",
    ])
    func choosesTheSameAsTheDefinition(kind: String) throws {
        let reference = try ReferenceBackend().open(device: 0, options: [:], log: .silent)
        for count in [1, 69, 70, 71, 500, 1733] {
            let scores = scores(kind, count)
            let wanted = expected(scores)
            #expect(try choice(reference, scores: scores) == wanted, "\(count) keys on the reference")
            for isa in ConformanceTests.instructionSets {
                for threads in [1, 2, 3, 5] {
                    let device = try CPUBackend().open(
                        device: 0, options: ["isa": .string(isa.name), "threads": .int(Int64(threads))], log: .silent)
                    let got = try choice(device, scores: scores)
                    #expect(got == wanted, "\(count) keys, \(isa.name), \(threads) threads")
                    device.quiesce()
                }
            }
        }
    }
}
