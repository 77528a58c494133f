import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// A step of two sequences over a segment with token ids, row numbers and two states, to be spoilt in one way.
struct StepFixture {
    /// Ids of 50 tokens embedded, attended to and picked: tokens [T] and rows [R] in, y [R, 4] out. Only names and shapes are looked at.
    static let segment: Segment = {
        var graph = Graph(name: "checked")
        graph.values = [
            .init(name: "tokens", dtype: .i32, dims: [.tokens]), .init(name: "rows", dtype: .i32, dims: [.rows]),
            .init(name: "x", dtype: .f32, dims: [.tokens, .fixed(4)]), .init(name: "z", dtype: .f32, dims: [.tokens, .fixed(4)]),
            .init(name: "y", dtype: .f32, dims: [.rows, .fixed(4)]),
        ]
        graph.weights = [.init(name: "table", dtype: .f32, dims: [50, 4])]
        graph.states = [.init(name: "k", heads: 1, width: 4), .init(name: "v", heads: 1, width: 4)]
        graph.nodes = [
            .init(label: "embed", op: "embedding", inputs: [.value(0), .weight(0)], outputs: [2]),
            .init(label: "attend", op: "attention", inputs: [.value(2), .value(2), .value(2), .none], outputs: [3], states: [0, 1]),
            .init(label: "pick", op: "pick", inputs: [.value(3), .value(1)], outputs: [4]),
        ]
        (graph.inputs, graph.outputs) = ([0, 1], [4])
        return Segment(withoutData: graph, bounds: .init(tokens: 6, sequences: 3, rows: 4), pageTokens: pageTokens)
    }()
    static let pageTokens = 2
    private static let pageBytes: UInt64 = 4 * 4 * 2

    var tokens: UInt32 = 5
    var rows: UInt32 = 2
    var ids: [Int32] = [0, 49, 7, 7, 7]
    /// Three new tokens after five cached ones, and two new ones.
    var sequences = [
        hadal_sequence(
            first_token: 0, token_count: 3, past: 5, planned_length: 8, first_page: 0, page_count: 4, slot_before: 0, slot_after: 1),
        hadal_sequence(
            first_token: 3, token_count: 2, past: 0, planned_length: 2, first_page: 4, page_count: 1, slot_before: 0, slot_after: 1),
    ]
    var pages: [UInt32] = [4, 0, 2, 1, 3]
    var inputs: [hadal_binding] = []
    var outputs: [hadal_binding] = []
    var states: [hadal_binding] = []
    var hasSequences = true
    var hasPages = true
    var stride = UInt32(MemoryLayout<hadal_sequence>.stride)

    private let memory: [any Buffer]

    /// - Parameter device: lends buffers; nil: all lies in host memory.
    init(on device: (any Device)? = nil) throws {
        memory = try [24, 16, 64, 5 * Int(Self.pageBytes), 5 * Int(Self.pageBytes)].map { bytes in
            guard let device else { return try HostBuffer(bytes: bytes) }
            guard let buffer = try device.allocate(bytes: bytes) else { throw HadalError(.backend, "no buffer") }
            return buffer
        }
        let bindings = memory.map { buffer in
            let host = device == nil ? (buffer as? HostBuffer)?.pointer : nil
            return hadal_binding(buffer: device == nil ? nil : buffer.handle, host: host, offset: 0, bytes: UInt64(buffer.bytes))
        }
        inputs = [bindings[0], bindings[1]]
        outputs = [bindings[2]]
        states = [bindings[3], bindings[4]]
        // As many bytes as this step needs.
        (inputs[0].bytes, inputs[1].bytes, outputs[0].bytes) = (20, 8, 32)
    }

    func run(_ executable: any Executable, repeats: Int = 1) throws {
        try ids.withUnsafeBytes { try memory[0].write(offset: 0, from: $0) }
        var step = hadal_step()
        step.size = UInt32(MemoryLayout<hadal_step>.size)
        (step.tokens, step.rows, step.sequence_count, step.page_list_count) = (tokens, rows, UInt32(sequences.count), UInt32(pages.count))
        step.sequence_stride = stride
        try withExtendedLifetime(memory) {
            try sequences.withUnsafeBufferPointer { sequences in
                try pages.withUnsafeBufferPointer { pages in
                    try inputs.withUnsafeBufferPointer { inputs in
                        try outputs.withUnsafeBufferPointer { outputs in
                            try states.withUnsafeBufferPointer { states in
                                step.sequences = hasSequences ? sequences.baseAddress : nil
                                step.pages = hasPages ? pages.baseAddress : nil
                                for _ in 0..<repeats {
                                    try executable.execute(Execution(inputs: inputs, outputs: outputs, states: states, step: &step))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
