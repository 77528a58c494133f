import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

/// Experts that stay on disk.
extension WeightStore {
    /// Whether a weight is to be read from its pieces as it is needed.
    static func isStreamed(_ index: Int, _ segment: Segment, _ device: CPUDevice) -> Bool {
        guard device.experts != nil, segment.weights.indices.contains(index) else { return false }
        return segment.weights[index].bytes == nil && !segment.weights[index].pieces.isEmpty
    }

    /// Hands the experts of a node over to the device's cache. Returns the number of the layer there and where each matrix lies in a region.
    ///
    /// - Throws: `mismatch` when the pieces are not those of the weight's shape; `limitExceeded` for a limit that is too low.
    func stream(_ node: Graph.Node) throws -> (layer: Int, parts: [ExpertLayer.Part]) {
        let contract = try device.kernels.contract(of: node.op)
        let weights = try ["gate", "up", "down"].map { name in
            guard let index = try node.weight(name, contract) else {
                throw HadalError(.invalidArgument, "input '\(name)' of \(node.op) is not a weight")
            }
            return index
        }
        guard let cache = device.experts else { throw HadalError(.invalidArgument, "no memory is set apart for experts") }
        let layer = try ExpertLayer(weights.map(part), experts: segment.graph.weights[weights[0]].dims[0])
        let number = try cache.add(layer)
        expertLayers.append(number)
        return (number, layer.parts)
    }

    private func part(_ index: Int) throws -> ExpertLayer.Part {
        let weight = segment.graph.weights[index], data = segment.weights[index]
        guard weight.dims.count == 3, Self.isStreamed(index, segment, device) else {
            throw HadalError(.invalidArgument, "weight '\(weight.name)' has no data")
        }
        let rows = weight.dims[1], columns = weight.dims[2]
        let (elements, overflow) = rows.multipliedReportingOverflow(by: columns)
        guard !overflow, let rowBytes = weight.dtype.byteCount(elements: columns), let stored = weight.dtype.byteCount(elements: elements)
        else {
            throw HadalError(.malformed, "weight '\(weight.name)' has an impossible shape \(weight.dims)")
        }
        guard data.pieces.count == weight.dims[0] else {
            throw HadalError(.mismatch, "weight '\(weight.name)' has \(data.pieces.count) pieces for \(weight.dims[0]) experts")
        }
        for (expert, piece) in data.pieces.enumerated() {
            let end = piece.offset.addingReportingOverflow(UInt64(stored))
            guard piece.bytes == stored, piece.descriptor >= 0, !end.overflow, end.partialValue <= UInt64(Int64.max) else {
                throw HadalError(
                    .mismatch,
                    "expert \(expert) of weight '\(weight.name)' has \(piece.bytes) bytes at \(piece.offset); its shape requires \(stored)")
            }
        }
        let packing = Self.packing(of: weight, device)
        return ExpertLayer.Part(
            name: weight.name, dtype: weight.dtype.rawValue, packing: packing, rows: rows, columns: columns, rowBytes: rowBytes,
            storedBytes: stored, offset: 0,
            bytes: packing == 0 ? stored : Int(hadal_packed_bytes(packing, Int64(rows), Int64(columns))),
            pieces: data.pieces.map { ($0.descriptor, $0.offset) })
    }
}
