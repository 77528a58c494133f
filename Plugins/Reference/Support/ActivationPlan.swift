import HadalBackend
import HadalCore
import HadalGraph

/// Where activations lie in one block of memory. Values that are not needed at the same time share bytes.
struct ActivationPlan {
    /// Offset of each value in the block; nil for values that the host binds.
    private(set) var offsets: [Int?]
    private(set) var bytes = 0
    /// Values that nodes write straight into the host's output bindings.
    private(set) var writtenOutputs: Set<Int>

    private static let alignment = 64

    /// - Throws: `HadalError.mismatch` when the graph is not in execution order, `limitExceeded` when sizes overflow.
    init(_ segment: Segment) throws {
        let graph = segment.graph
        let inputs = Set(graph.inputs)
        offsets = graph.values.map { _ in nil }
        writtenOutputs = Set(graph.outputs).subtracting(inputs)
        for index in graph.inputs + graph.outputs where !graph.values.indices.contains(index) {
            throw HadalError(.mismatch, "the segment has no value \(index)")
        }

        var lastUse: [Int: Int] = [:]
        for (position, node) in graph.nodes.enumerated() {
            for case .value(let value) in node.inputs { lastUse[value] = position }
        }
        var free: [Range<Int>] = []
        var defined = inputs
        for (position, node) in graph.nodes.enumerated() {
            for case .value(let value) in node.inputs where !defined.contains(value) {
                throw HadalError(.mismatch, "\(node.label): '\(graph.values[value].name)' is used before it is computed")
            }
            for value in node.outputs {
                guard defined.insert(value).inserted else {
                    throw HadalError(.mismatch, "\(node.label): '\(graph.values[value].name)' is computed twice")
                }
                guard !writtenOutputs.contains(value) else { continue }
                offsets[value] = try place(try Self.size(of: graph.values[value], segment.bounds), &free)
            }
            // Only now: an op may not write over what it still reads.
            let read = Set(node.inputs.compactMap { operand -> Int? in if case .value(let v) = operand { v } else { nil } })
            for value in read.union(node.outputs) where (lastUse[value] ?? position) == position {
                guard let offset = offsets[value] else { continue }
                Self.release(offset..<offset + (try Self.size(of: graph.values[value], segment.bounds)), &free)
            }
        }
        for value in graph.outputs where !defined.contains(value) {
            throw HadalError(.mismatch, "output '\(graph.values[value].name)' is never computed")
        }
    }

    /// Bytes of a value at the upper bounds, rounded up.
    private static func size(of value: Graph.Value, _ bounds: Segment.Bounds) throws -> Int {
        var size = value.dtype.blockBytes
        for dim in value.dims {
            let extent =
                switch dim {
                case .fixed(let n): n
                case .symbol(let symbol): bounds[symbol]
                }
            let (product, overflow) = size.multipliedReportingOverflow(by: max(extent, 1))
            guard !overflow, product < Int.max / 4 else {
                throw HadalError(.limitExceeded, "value '\(value.name)' is too large")
            }
            size = product
        }
        return (size + alignment - 1) / alignment * alignment
    }

    private mutating func place(_ size: Int, _ free: inout [Range<Int>]) throws -> Int {
        let fitting = free.indices.filter { free[$0].count >= size }
        if let best = fitting.min(by: { free[$0].count < free[$1].count }) {
            let range = free[best]
            if range.count == size { free.remove(at: best) } else { free[best] = range.lowerBound + size..<range.upperBound }
            return range.lowerBound
        }
        let offset = bytes
        let (sum, overflow) = bytes.addingReportingOverflow(size)
        guard !overflow else { throw HadalError(.limitExceeded, "the activations are too large") }
        bytes = sum
        return offset
    }

    private static func release(_ range: Range<Int>, _ free: inout [Range<Int>]) {
        var merged = range
        free.removeAll { other in
            guard other.upperBound == merged.lowerBound || other.lowerBound == merged.upperBound else { return false }
            merged = min(other.lowerBound, merged.lowerBound)..<max(other.upperBound, merged.upperBound)
            return true
        }
        free.append(merged)
    }
}
