#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalArchitecture
package import HadalBackend
import HadalCore
import HadalFormats
package import HadalGraph
import Synchronization

/// The weights of a model's graphs: where they lie, and what of them is kept in memory.
///
/// Thread safety: any thread.
package final class ModelWeights: Sendable {
    /// Weights bound for compiling, and what keeps their bytes alive.
    package struct Bound: Sendable {
        package var data: [Segment.WeightData]
        /// For each weight what keeps its bytes; nil for one that a backend reads itself.
        var owners: [WeightData?]
        /// Of weights without data here.
        var scales: [WeightScales] = []
    }

    private let description: ModelDescription
    private let kept = Mutex<[Bound]>([])
    private let knownFingerprint = Mutex<String?>(nil)

    init(_ description: ModelDescription) { self.description = description }

    /// Reads every weight of a graph: in place where the file's bytes serve as they are.
    ///
    /// - Parameters:
    ///   - other: a graph whose embedding and head are used in place of this one's copies of them.
    ///   - streamed: experts that the backend is to read itself; only their scales are read here.
    ///   - progress: called after each weight with its bytes. What it throws ends the reading.
    package func bind(
        _ graph: Graph, sharing other: Graph? = nil, streamed: ExpertPlacement? = nil, progress: (Int) throws -> Void = { _ in }
    ) throws -> Bound {
        var bound = Bound(data: [], owners: [])
        var bindings = try description.graph.bindings(of: graph)
        if let other { try share(&bindings, of: graph, with: other) }
        for (index, binding) in bindings.enumerated() {
            if let ranges = streamed?.pieces[index], let pieces = pieces(ranges) {
                let scales = try binding.scales(from: description.files)
                bound.data.append(.init(bytes: nil, scales: scales.flatMap(Self.scales), pieces: pieces))
                bound.owners.append(nil)
                if let scales { bound.scales.append(scales) }
                try progress(graph.weights[index].bytes)
                continue
            }
            // With experts on disk few weights remain, so read them eagerly.
            if streamed != nil, let tensor = binding.plainTensor { description.files.expect(tensor) }
            let data = try binding.materialise(from: description.files)
            bound.data.append(.init(bytes: data.bytes, file: file(of: binding, data), scales: data.scales.flatMap(Self.scales)))
            // What has been assembled in new memory is not needed where it was read.
            if !data.isMapped, case .stored(let recipe) = binding.content { recipe.tensors.forEach(description.files.release) }
            bound.owners.append(data)
            try progress(graph.weights[index].bytes)
        }
        return bound
    }

    /// Where in an open file a weight's bytes lie, if they are used in place.
    private func file(of binding: WeightBinding, _ data: WeightData) -> (descriptor: Int32, offset: UInt64)? {
        guard data.isMapped, case .stored(let recipe) = binding.content, recipe.tensors.count == 1, let tensor = recipe.tensors.first,
            let range = description.files.fileRange(of: tensor), let start = data.bytes.baseAddress,
            let base = description.files.bytes(of: tensor).baseAddress
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
            guard a.count == b.count, let first = a.baseAddress, let second = b.baseAddress, memcmp(first, second, a.count) == 0 else {
                continue
            }
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
    func keep(_ weights: Bound, _ numbers: Set<Int>, of graph: Graph) throws {
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
    var fingerprint: String {
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
