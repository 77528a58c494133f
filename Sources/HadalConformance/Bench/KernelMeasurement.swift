package import HadalCore

/// How long one op took at one shape, and how much work that was.
package struct KernelMeasurement: Sendable {
    package var op: String
    /// "linear/bench0.2", or "linear/custom" for a shape of the user's own.
    package var id: String
    package var summary: String
    /// Shape and type of every operand.
    package var operands: String
    /// Of one run: the median, the least, and how many there were.
    package var microseconds: Double
    package var fastest: Double
    package var runs: Int
    /// Whether the times are those that the backend reports of the node, or those of whole calls as the host sees them.
    package var isTraced: Bool
    /// Bytes that have to be read and written at least once.
    package var bytes: Double
    /// nil where the contract does not say.
    package var operations: Double?
    package var hasQuantisedWeights: Bool
    /// Copies of the weights that were used in turn, and bytes of all of them: beyond the caches, every run reads memory.
    package var copies: Int
    package var weightBytes: Int

    package var bytesPerSecond: Double { bytes / (microseconds * 1e-6) }
    package var operationsPerSecond: Double? { operations.map { $0 / (microseconds * 1e-6) } }

    /// The least time that the ceilings allow as a share of the time taken. More than 1: data came from caches, which are faster.
    package func share(of ceilings: KernelCeilings) -> Double {
        var least = bytes / ceilings.bytesPerSecond
        let floats = ceilings.matrixOperations ?? ceilings.floatOperations
        let peak = hasQuantisedWeights ? ceilings.int8Operations ?? floats : floats
        if let operations, let peak, peak > 0 { least = max(least, operations / peak) }
        return least / (microseconds * 1e-6)
    }

    package func json(ceilings: KernelCeilings?) -> JSON {
        func number(_ value: Double?) -> JSON { value.map { $0.isFinite ? JSON(.double($0)) : .null } ?? .null }
        return [
            "op": JSON(.string(op)), "shape": JSON(.string(summary)), "id": JSON(.string(id)), "operands": JSON(.string(operands)),
            "microseconds": number(microseconds), "fastest_microseconds": number(fastest), "runs": JSON(.int(Int64(runs))),
            "timed_by": JSON(.string(isTraced ? "backend" : "host")), "bytes": number(bytes), "operations": number(operations),
            "quantised": JSON(.bool(hasQuantisedWeights)),
            "bytes_per_second": number(bytesPerSecond), "operations_per_second": number(operationsPerSecond),
            "roofline_share": number(ceilings.map { share(of: $0) }), "copies": JSON(.int(Int64(copies))),
            "weight_bytes": JSON(.int(Int64(weightBytes))),
        ]
    }
}
