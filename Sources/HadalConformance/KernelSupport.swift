package import HadalBackend
package import HadalCore
package import HadalGraph

/// Which of an op's conformance cases a device says that it runs, without running any.
package struct KernelSupport: Sendable {
    /// Cases whose weights (or values, for an op without weights) have one element type.
    package struct Row: Sendable, Equatable {
        package var dtype: DType
        package var cases: Int
        package var supported: Int
    }

    package let op: String
    package private(set) var cases = 0
    package private(set) var supported = 0
    /// In the order of `DType`.
    package private(set) var dtypes: [Row] = []
    /// Why cases are refused, and how many for each reason; the most frequent first.
    package private(set) var reasons: [(reason: String, cases: Int)] = []

    /// - Throws: when the contract's cases make no sense.
    package init(_ contract: OpContract, catalogue: OpCatalogue, device: any Device, capabilities: BackendCapabilities) throws {
        op = contract.name
        var rows: [DType: Row] = [:]
        var counts: [String: Int] = [:]
        for index in contract.cases.indices {
            var random = SplitMix64(seed: 1)
            let space = try ConformanceSpace(contract, case: index)
            for point in try space.all(&random, isLegal: { TrialBuilder.isLegal($0, contract, catalogue) }) {
                let builder = TrialBuilder(
                    catalogue: catalogue, contract: contract, point: point, stateDType: .f32, pageTokens: 64, manySequences: false,
                    blockScales: capabilities.contains(.blockScales))
                let segment = try builder.bareSegment()
                let reason = Self.missing(contract, point, capabilities) ?? device.unsupported(node: 0, of: segment)
                cases += 1
                if let reason { counts[reason, default: 0] += 1 } else { supported += 1 }
                let types = segment.graph.weights.isEmpty ? [.f32] : Set(segment.graph.weights.map(\.dtype))
                for dtype in types {
                    rows[dtype, default: Row(dtype: dtype, cases: 0, supported: 0)].cases += 1
                    if reason == nil { rows[dtype]?.supported += 1 }
                }
            }
        }
        dtypes = DType.allCases.compactMap { rows[$0] }
        reasons = counts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map { ($0.key, $0.value) }
    }

    private static func missing(_ contract: OpContract, _ point: ConformancePoint, _ capabilities: BackendCapabilities) -> String? {
        if !contract.states.isEmpty, !capabilities.contains(.state) { return "the backend keeps no caches" }
        if contract.states.contains(where: { $0.kind != .tokens }), !capabilities.contains(.fixedStates) {
            return "the backend keeps no states of fixed size"
        }
        return point.step.count > 1 && !capabilities.contains(.multiSequence) ? "one sequence a step" : nil
    }
}
