package import HadalBackend
import HadalCore
package import HadalGraph

/// Compiles an op for every combination of element types and optional operands that models use, without running anything: so a device
/// leaves the compiled form of each behind.
package struct KernelForms: Sendable {
    private let catalogue: OpCatalogue
    /// Types that whole models are stored in. The second list: what goes with the first where a file mixes two.
    private static let plain: [DType] = [
        .f32, .f16, .bf16, .f8_e4m3, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_nl, .iq4_xs, .mxfp4,
    ]
    private static let mixed: [(DType, DType)] = [
        (.q4_K, .q6_K), (.q5_K, .q6_K), (.q4_K, .q5_K), (.q4_K, .q8_0), (.q5_K, .q8_0), (.q4_0, .q4_1), (.q5_0, .q5_1), (.q2_K, .q3_K),
        (.q3_K, .q4_K), (.q3_K, .q5_K), (.iq4_xs, .q5_K),
    ]

    package init(catalogue: OpCatalogue) { self.catalogue = catalogue }

    /// - Parameter each: called with what is about to be compiled.
    /// - Returns: how many combinations were compiled.
    /// - Throws: what the device says of the first that does not compile.
    package func compile(_ contract: OpContract, on device: any Device, each: (String) -> Void = { _ in }) throws -> Int {
        var done: Set<[String]> = []
        var random = SplitMix64(seed: 1, label: contract.name)
        let matrices = contract.inputs.filter { $0.kind == .weight && $0.dims.count > 1 && $0.dtypes.isEmpty }.map(\.name)
        for index in contract.cases.indices {
            let space = try ConformanceSpace(contract, case: index)
            let points = try space.all(&random) { TrialBuilder.isLegal($0, contract, catalogue) }
            for point in points.flatMap({ variations(of: $0, matrices, contract) }) {
                for state in contract.states.isEmpty ? [DType.f32] : contract.stateTypes {
                    let key = point.dtypes.map { "\($0.key) \($0.value.name)" }.sorted() + point.present.sorted() + [state.name]
                    guard done.insert(key).inserted else { continue }
                    let trial = try TrialBuilder(
                        catalogue: catalogue, contract: contract, point: point, stateDType: state, pageTokens: 64, manySequences: true,
                        blockScales: true
                    ).build(&random)
                    guard device.unsupported(node: 0, of: trial.segment) == nil else { continue }
                    each("\(contract.name) \(key.joined(separator: " "))")
                    _ = try device.compile(trial.segment)
                }
            }
        }
        return done.count
    }

    /// The point as it is, and with its matrices in the types of whole models.
    private func variations(of point: ConformancePoint, _ matrices: [String], _ contract: OpContract) -> [ConformancePoint] {
        guard !matrices.isEmpty else { return [point] }
        var types = Self.plain.map { [$0] }
        if matrices.count > 1 { types += Self.mixed.map { [$0.0, $0.1] } }
        return [point]
            + types.compactMap { types in
                var copy = point
                for name in matrices { copy.dtypes[name] = types[0] }
                if let last = matrices.last, types.count > 1 { copy.dtypes[last] = types[1] }
                return TrialBuilder.isLegal(copy, contract, catalogue) ? copy : nil
            }
    }
}
