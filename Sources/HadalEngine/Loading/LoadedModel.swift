#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif
import HadalArchitecture
import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph
import Synchronization

/// A model's main graph with its ports, and its weights.
public final class LoadedModel: Sendable {
    /// Weights bound for compiling, and what keeps their bytes alive.
    package struct BoundWeights: Sendable {
        package var data: [Segment.WeightData]
        /// For each weight what keeps its bytes; nil for one that a backend reads itself.
        var owners: [WeightData?]
        /// Of weights without data here.
        var scales: [WeightScales] = []
    }

    public let description: ModelDescription
    public let graph: Graph
    let ports: StepRunner.Ports
    /// Values besides the plain logits that the engine was asked to give, by name; `[T, width]` F32.
    let observed: [(name: String, value: Int)]
    /// What feeds the prediction head, `[T, width]` F32, when there is to be one.
    let predictionSource: (value: Int, width: Int)?
    /// Lengths past which every key must be rotated anew.
    let ropeSwitches: [Int]
    private let kept = Mutex<[BoundWeights]>([])
    private let knownFingerprint = Mutex<String?>(nil)

    public var vocabularySize: Int { description.graph.vocabularySize }
    public var contextLength: Int { description.graph.contextLength }

    /// - Parameter feedsPrediction: whether the prediction head's source is an output of the graph.
    /// - Throws: `unsupported` when that is wanted of a model without such a head.
    init(_ description: ModelDescription, observe: EngineOptions.Observation, feedsPrediction: Bool = false) throws {
        self.description = description
        var graph = description.graph.main
        ports = try StepRunner.Ports(of: graph, architecture: description.graph.architecture)
        let logits = ports.logits

        var observed: [(String, Int)] = observe == .none ? [] : [("logits", logits)]
        switch observe {
        case .none, .allLogits: break
        case .hidden:
            observed += (description.graph.hidden["main"] ?? [:]).sorted { $0.value < $1.value }.map { ($0.key, $0.value) }
        case .everything:
            for (index, node) in graph.nodes.enumerated() {
                for (k, value) in node.outputs.enumerated() where graph.values[value].dtype == .f32 && value != logits {
                    observed.append((NamedTensor.name(node: index, output: k), value))
                }
            }
        }
        for (_, value) in observed where !graph.outputs.contains(value) { graph.outputs.append(value) }
        // What is not compared is there to be saved: the inputs of a node that differs.
        if observe == .everything {
            for value in Set(graph.nodes.flatMap(\.outputs)).subtracting(graph.outputs).sorted() { graph.outputs.append(value) }
        }
        predictionSource = try feedsPrediction ? PredictionHead.source(in: description) : nil
        if let value = predictionSource?.value, !graph.outputs.contains(value) { graph.outputs.append(value) }
        self.observed = observed
        ropeSwitches = Array(Set(graph.nodes.map { $0.int("switch_length") }.filter { $0 > 0 })).sorted()
        self.graph = graph
    }

    /// Reads every weight of a graph: in place where the file's bytes serve as they are.
    ///
    /// - Parameters:
    ///   - other: a graph whose embedding and head are used in place of this one's copies of them.
    ///   - streamed: experts that the backend is to read itself; only their scales are read here.
    package func bindWeights(of graph: Graph, sharing other: Graph? = nil, streamed: ExpertPlacement? = nil) throws -> BoundWeights {
        var bound = BoundWeights(data: [], owners: [])
        var bindings = try description.graph.bindings(of: graph)
        if let other { try share(&bindings, of: graph, with: other) }
        for (index, binding) in bindings.enumerated() {
            if let ranges = streamed?.pieces[index], let pieces = pieces(ranges) {
                let scales = try binding.scales(from: description.files)
                bound.data.append(.init(bytes: nil, scales: scales.flatMap(Self.scales), pieces: pieces))
                bound.owners.append(nil)
                if let scales { bound.scales.append(scales) }
                continue
            }
            // Beside experts on disk, few weights are left: they are best read at once.
            if streamed != nil, let tensor = binding.plainTensor { description.files.expect(tensor) }
            let data = try binding.materialise(from: description.files)
            bound.data.append(.init(bytes: data.bytes, file: file(of: binding, data), scales: data.scales.flatMap(Self.scales)))
            // What has been put together anew is not needed where it was read.
            if !data.isMapped, case .stored(let recipe) = binding.content { recipe.tensors.forEach(description.files.release) }
            bound.owners.append(data)
        }
        return bound
    }

    /// Where in an open file a weight's bytes lie, if they are used in place.
    private func file(of binding: WeightBinding, _ data: WeightData) -> (descriptor: Int32, offset: UInt64)? {
        guard data.isMapped, case .stored(let recipe) = binding.content, recipe.tensors.count == 1, let tensor = recipe.tensors.first,
            let range = description.files.fileRange(of: tensor), let start = data.bytes.baseAddress, let base = description.files.bytes(of: tensor).baseAddress
        else { return nil }
        let skip = start - base
        guard skip >= 0, skip + data.bytes.count <= range.count else { return nil }
        return (range.descriptor, UInt64(range.offset + skip))
    }

    private static func scales(_ scales: WeightScales) -> Segment.BlockScales? {
        guard let values = scales.values.baseAddress else { return nil }
        let shape = scales.shape
        return .init(values: values, rows: shape.rows, columns: shape.columns, block: (rows: shape.rowBlock, columns: shape.columnBlock))
    }

    /// The ranges as a backend reads them; nil for a model in memory.
    private func pieces(_ ranges: [WeightRecipe.StoredRange]) -> [Segment.WeightData.Piece]? {
        var pieces: [Segment.WeightData.Piece] = []
        pieces.reserveCapacity(ranges.count)
        for range in ranges {
            guard let file = description.files.fileRange(of: range.tensor) else { return nil }
            pieces.append(.init(descriptor: file.descriptor, offset: UInt64(file.offset + range.offset), bytes: range.count))
        }
        return pieces
    }

    /// Puts another graph's embedding and head in the place of tensors with the same bytes: files repeat them for further graphs.
    private func share(_ bindings: inout [WeightBinding], of graph: Graph, with other: Graph) throws {
        let (own, others, theirs) = (Self.tables(of: graph), Self.tables(of: other), try description.graph.bindings(of: other))
        for (mine, other) in [(own.embedding, others.embedding), (own.head, others.head)] {
            guard let mine, let other, let copy = bindings[mine].plainTensor, let tensor = theirs[other].plainTensor, copy != tensor,
                bindings[mine].dtype == theirs[other].dtype, bindings[mine].dims == theirs[other].dims
            else { continue }
            let (a, b) = (description.files.bytes(of: copy), description.files.bytes(of: tensor))
            guard a.count == b.count, let first = a.baseAddress, let second = b.baseAddress, memcmp(first, second, a.count) == 0 else { continue }
            bindings[mine] = theirs[other]
            description.files.discard(copy)
        }
    }

    /// The weights that turn ids into rows and rows into logits.
    private static func tables(of graph: Graph) -> (embedding: Int?, head: Int?) {
        func weight(_ node: Graph.Node?) -> Int? {
            guard let node, node.inputs.count > 1, case .weight(let index) = node.inputs[1] else { return nil }
            return index
        }
        let head = graph.nodes.last { $0.op == Op.linear && $0.outputs.first == graph.outputs.first }
        return (weight(graph.nodes.first { $0.op == Op.embedding }), weight(head))
    }

    /// Keeps the bytes of those weights of a graph that backends go on reading, and lets go of the others, of which they have copies:
    /// of the file's pages, too.
    ///
    /// - Parameter numbers: the weights to keep.
    func keep(_ weights: BoundWeights, _ numbers: Set<Int>, of graph: Graph) throws {
        guard !numbers.isEmpty else { return releaseMappedPages() }
        var rest = weights
        if numbers.count < weights.owners.count {
            let bindings = try description.graph.bindings(of: graph)
            let used = Set(numbers.compactMap { bindings[$0].plainTensor.map { ExactString($0.name) } })
            for index in weights.owners.indices where !numbers.contains(index) {
                rest.owners[index] = nil
                if let tensor = bindings[index].plainTensor, !used.contains(ExactString(tensor.name)) { description.files.discard(tensor) }
            }
        }
        rest.data = []
        kept.withLock { $0.append(rest) }
    }

    /// Lets go of the file's pages: the backend has copies of its own.
    func releaseMappedPages() { for tensor in description.files.tensors { description.files.discard(tensor) } }

    /// A hash over the tensor directory and the first bytes of each tensor: tells models apart, and is no signature. Read from the file when
    /// first asked for: it is spread over all of it.
    public var fingerprint: String {
        knownFingerprint.withLock { known in
            if let known { return known }
            var hash = FNV1a()
            hash.combine(description.graph.architecture.utf8)
            for tensor in description.files.tensors {
                hash.combine("\(tensor.name) \(tensor.dtype.name) \(tensor.shape)".utf8)
                hash.combine(description.files.firstBytes(of: tensor, count: 16))
            }
            let made = String(hash.value, radix: 16)
            known = made
            return made
        }
    }
}

extension LoadedModel {
    public var hasQuantisedWeights: Bool { graph.weights.contains { $0.dtype.isQuantised } }

    /// Bytes of weights, as stored, that one decode step reads: every matrix once, of an embedding table one row, of experts those that a token uses.
    public var decodeBytes: Int {
        var used: Set<Int> = []
        var tables: Set<Int> = []
        var chosen: [Int: Int] = [:]
        for node in graph.nodes {
            let count = chosenExperts(of: node)
            for case .weight(let w) in node.inputs {
                if node.op == Op.embedding { tables.insert(w) } else if let count { chosen[w] = max(chosen[w] ?? 0, count) } else { used.insert(w) }
            }
        }
        func part(_ w: Int, rows: Int) -> Int {
            let all = max(1, graph.weights[w].dims.first ?? 1)
            return graph.weights[w].bytes / all * min(rows, all)
        }
        return used.reduce(0) { $0 + graph.weights[$1].bytes }
            + tables.subtracting(used).reduce(0) { $0 + part($1, rows: 1) }
            + chosen.reduce(0) { used.contains($1.key) ? $0 : $0 + part($1.key, rows: $1.value) }
    }

    /// Multiplications by weights that one prefill token costs, of experts by those it uses; the head counts for the last token only, so not at all.
    public var prefillMultiplies: Int {
        var total = 0
        for node in graph.nodes where !node.inputs.isEmpty {
            guard case .value(let x) = node.inputs[0], graph.values[x].dims.first == .tokens else { continue }
            if let count = chosenExperts(of: node) {
                for case .weight(let w) in node.inputs where graph.weights[w].dims.count == 3 {
                    total += graph.weights[w].elements / max(1, graph.weights[w].dims[0]) * count
                }
            } else if node.op == Op.linear, case .weight(let w) = node.inputs[1] {
                total += graph.weights[w].elements
            }
        }
        return total
    }

    /// How many experts a token uses in this node; nil: it has none.
    private func chosenExperts(of node: Graph.Node) -> Int? {
        guard node.op == Op.experts, node.inputs.count > 1, case .value(let indices) = node.inputs[1],
            case .fixed(let count)? = graph.values[indices].dims.last
        else { return nil }
        return count
    }
}
