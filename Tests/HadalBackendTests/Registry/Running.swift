import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// Segments and steps for tests of the plugin boundary.
enum Running {
    /// `scale` by two over [T, width], `count` times in a row.
    static func doubling(width: Int = 3, count: Int = 1, tokens: Int = 4, fixed: Bool = false) -> Segment {
        var graph = Graph(name: "doubling")
        let dims: [Dim] = [fixed ? .fixed(tokens) : .tokens, .fixed(width)]
        for i in 0...count { graph.values.append(.init(name: "v\(i)", dtype: .f32, dims: dims)) }
        for i in 0..<count {
            graph.nodes.append(
                .init(label: "scale.\(i)", op: "scale", inputs: [.value(i)], outputs: [i + 1], attributes: ["factor": .float(2)]))
        }
        graph.inputs = [0]
        graph.outputs = [count]
        return Segment(graph: graph, weights: [], bounds: .init(tokens: tokens, sequences: 2, rows: tokens))
    }

    /// Runs one step over host memory: `inputs` are bound in order, one output of `count` numbers comes back.
    static func run(
        _ executable: any Executable, _ inputs: [[Float]], output count: Int, tokens: Int, sequences: Int = 1,
        trace: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<hadal_trace_event>?) -> Void)? = nil,
        context: UnsafeMutableRawPointer? = nil, cancel: UnsafePointer<UInt32>? = nil
    ) throws -> [Float] {
        var memory = inputs.map { list -> UnsafeMutablePointer<Float> in
            let pointer = UnsafeMutablePointer<Float>.allocate(capacity: max(list.count, 1))
            pointer.initialize(from: list, count: list.count)
            return pointer
        }
        let output = UnsafeMutablePointer<Float>.allocate(capacity: count)
        output.initialize(repeating: .nan, count: count)
        memory.append(output)
        defer { for pointer in memory { pointer.deallocate() } }
        var bindings = zip(memory, inputs).map { hadal_binding(buffer: nil, host: $0, offset: 0, bytes: UInt64($1.count * 4)) }
        bindings.append(hadal_binding(buffer: nil, host: output, offset: 0, bytes: UInt64(count * 4)))
        try step(executable, bindings, tokens: tokens, sequences: sequences, trace: trace, context: context, cancel: cancel)
        return Array(UnsafeBufferPointer(start: output, count: count))
    }

    /// One step; the last binding is the output.
    static func step(
        _ executable: any Executable, _ bindings: [hadal_binding], tokens: Int, sequences: Int = 1,
        trace: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<hadal_trace_event>?) -> Void)? = nil,
        context: UnsafeMutableRawPointer? = nil, cancel: UnsafePointer<UInt32>? = nil
    ) throws {
        let list = (0..<sequences).map { _ in
            hadal_sequence(
                first_token: 0, token_count: UInt32(tokens), past: 0, planned_length: 0, first_page: 0, page_count: 0, slot_before: 0,
                slot_after: 1)
        }
        try list.withUnsafeBufferPointer { sequences in
            try bindings.withUnsafeBufferPointer { bindings in
                var step = hadal_step()
                step.size = UInt32(MemoryLayout<hadal_step>.size)
                step.tokens = UInt32(tokens)
                step.rows = UInt32(tokens)
                step.sequence_count = UInt32(sequences.count)
                step.sequences = sequences.baseAddress
                step.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
                try executable.execute(
                    Execution(
                        inputs: UnsafeBufferPointer(rebasing: bindings.dropLast()),
                        outputs: UnsafeBufferPointer(rebasing: bindings.suffix(1)),
                        states: UnsafeBufferPointer(start: nil, count: 0), step: &step, trace: trace, traceContext: context, cancel: cancel)
                )
            }
        }
    }
}
