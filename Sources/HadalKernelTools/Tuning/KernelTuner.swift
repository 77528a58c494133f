import Foundation
package import HadalBackend
package import HadalConformance
import HadalCore
package import HadalEngine
package import HadalGraph

/// Finds the parameters that an op's kernels are fastest with on a device.
///
/// What may be chosen is data: an op.json lists, under the backend's name, stages and variants with `parameters`, a list of legal values each. A
/// backend that can be tuned publishes a string option `tuned`, the path of a `TunedFile`; each choice is tried by opening the device with such a
/// file. Without the option it reads the file at `TunedFile.standardPath`.
///
/// Thread safety: one thread at a time.
package struct KernelTuner {
    package static let option = WellKnownOption.tuned.name
    /// Cases that a choice is checked with before it is timed.
    static let casesPerChoice = 4
    /// Shapes that a kernel is timed at.
    static let shapesPerKernel = 4

    let specification: String
    let environment: SearchPaths
    let settings: [String: String]
    package let catalogue: OpCatalogue
    package let backend: any Backend
    package let device: DeviceInfo
    /// How long a shape is timed with one choice.
    package var seconds = 0.1
    /// When nothing more is tried, and when what was chosen is not checked further; nil: no limit.
    private var deadlines: (tries: ContinuousClock.Instant, checks: ContinuousClock.Instant)?
    package var progress: ((String) -> Void)?

    /// - Throws: `unsupported` for a backend that cannot be tuned.
    package init(_ specification: String, environment: SearchPaths, settings: [String: String]) throws {
        self.specification = specification
        self.environment = environment
        self.settings = settings
        catalogue = try environment.catalogue()
        let chosen = try environment.registry().resolve(specification)
        (backend, device) = (chosen.backend, chosen.device)
        guard backend.options.contains(where: { $0.name == Self.option && $0.kind == .string }) else {
            throw HadalError(
                .unsupported, "the kernels of backend '\(backend.name)' have no parameters to tune",
                hint: ["a backend that can be tuned publishes an option '\(Self.option)'", .action(.listBackends)])
        }
    }

    /// From now on, all that is tuned takes about so long together; the last part is for checks of what was chosen.
    package mutating func limit(to seconds: Double) {
        let now = ContinuousClock.now
        deadlines = (now + .seconds(seconds * 0.8), now + .seconds(seconds))
    }

    /// The kernels of an op that have something to choose; empty: none.
    ///
    /// - Parameter features: of the opened device, as far as they may be used.
    package func kernels(of contract: OpContract, features: [String]) throws -> [TunableKernel] {
        guard let entry = try JSONDocument(contentsOf: "\(contract.folder)/op.json").root[backend.name] else { return [] }
        return try TunableKernel.all(in: entry, features: Set(features))
    }

    /// Tunes every kernel of an op, one after the other, each at those shapes that run it.
    ///
    /// - Throws: when the device cannot be opened.
    package func tune(_ contract: OpContract, at points: [ConformancePoint]) throws -> TuningResult {
        let bench = try open(contract, [:])
        let kit = ConformanceKit(
            catalogue: catalogue, reference: try bench.reference(for: contract), options: .init(casesPerOp: .max, failuresPerOp: 1))
        let cases = try kit.points(contract)
        var result = TuningResult(op: contract.name)
        let kernels = try kernels(of: contract, features: bench.device.info.features)
        for kernel in kernels {
            let shapes = Self.largest(points.filter(kernel.reaches))
            guard !shapes.isEmpty else {
                result.unreached.append(kernel.name)
                continue
            }
            guard !isOver else {
                result.kernels.append(.init(name: kernel.name, usual: 0, best: 0, values: [:], tried: 0, untried: kernel.alternatives))
                continue
            }
            progress?("\(contract.name) \(kernel.name)")
            let usual: Double
            do { usual = try time(contract, shapes, on: open(contract, result.values)) } catch let error as HadalError {
                result.rejected.append("\(contract.name) \(kernel.name) as it is: \(error.message)")
                continue
            }
            let checks = Self.checks(cases.filter(kernel.reaches), like: shapes)
            let others = result.values
            let found = CoordinateDescent(parameters: kernel.parameters).run(usual: usual, isOver: { isOver }) { values in
                let text = "\(contract.name) \(kernel.name) " + Self.text(values)
                progress?(text)
                do {
                    let bench = try open(contract, others.merging([kernel.name: values]) { $1 })
                    let checked = try kit.check(contract, checks, on: bench.device, capabilities: bench.capabilities)
                    if let failure = checked.failures.first {
                        throw HadalError(.mismatch, "wrong results in case \(failure.id): \(failure.message)")
                    }
                    return try time(contract, shapes, on: bench)
                } catch {
                    result.rejected.append("\(text): \((error as? HadalError)?.message ?? "\(error)")")
                    return nil
                }
            }
            result.kernels.append(
                .init(
                    name: kernel.name, usual: usual, best: found.best, values: found.best < usual ? found.values : [:], tried: found.tried,
                    untried: found.untried))
        }
        try confirm(&result, contract, cases, kernels, kit)
        return result
    }

    package static func text(_ values: [String: Int]) -> String {
        values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    private var isOver: Bool { deadlines.map { ContinuousClock.now >= $0.tries } ?? false }

    /// Runs as many cases as a quick test has, of all that reach the kernels that were changed; where one fails, the op is left as it was. Each
    /// choice has passed a few of them, so that fewer are run where time is short.
    private func confirm(
        _ result: inout TuningResult, _ contract: OpContract, _ cases: [ConformancePoint], _ kernels: [TunableKernel], _ kit: ConformanceKit
    ) throws {
        let chosen = kernels.filter { result.values[$0.name] != nil }
        guard !chosen.isEmpty else { return }
        let bench = try open(contract, result.values)
        let points = Self.spread(cases.filter { point in chosen.contains { $0.reaches(point) } }, ConformanceKit.Options.quickCases)
        for point in points where deadlines.map({ ContinuousClock.now < $0.checks }) ?? true {
            progress?("\(contract.name): checking \(point.id)")
            guard let failure = try kit.check(contract, [point], on: bench.device, capabilities: bench.capabilities).failures.first else {
                continue
            }
            result.rejected.append("\(contract.name) as chosen: wrong results in case \(failure.id): \(failure.message)")
            for i in result.kernels.indices {
                result.kernels[i].values = [:]
                result.kernels[i].best = result.kernels[i].usual
            }
            return
        }
    }

    /// The device with parameters of an op's kernels.
    private func open(_ contract: OpContract, _ values: [String: [String: Int]]) throws -> KernelWorkbench {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hadal-tune-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try TunedFile.write([contract.name: values], device: device.id, to: path)
        return try KernelWorkbench(specification, environment: environment, settings: settings, options: [Self.option: .string(path)])
    }

    /// Microseconds, as the geometric mean over the shapes.
    private func time(_ contract: OpContract, _ points: [ConformancePoint], on bench: KernelWorkbench) throws -> Double {
        var options = KernelBench.Options()
        options.seconds = seconds
        let timer = KernelBench(catalogue: catalogue, device: bench.device, capabilities: bench.capabilities, options: options)
        var logarithms: [Double] = []
        for point in points {
            do { logarithms.append(Foundation.log(try timer.measure(point, contract).microseconds)) } catch let error as HadalError
                where error.code == .unsupported || error.code == .limitExceeded
            { continue }
        }
        guard !logarithms.isEmpty else { throw HadalError(.unsupported, "\(backend.name) runs none of the shapes of '\(contract.name)'") }
        return Foundation.exp(logarithms.reduce(0, +) / Double(logarithms.count))
    }

    /// The largest shapes, of each combination of types in turn.
    static func largest(_ points: [ConformancePoint]) -> [ConformancePoint] {
        func elements(_ point: ConformancePoint) -> Double { point.dims.values.reduce(1) { $0 * Double($1) } }
        let kinds = Dictionary(grouping: points.enumerated()) { $0.element.dtypes }.values
            .map { $0.sorted { (elements($1.element), $0.offset) < (elements($0.element), $1.offset) } }
            .sorted { $0[0].offset < $1[0].offset }
        let ranked = kinds.flatMap { $0.enumerated().map { (rank: $0.offset, place: $0.element.offset, point: $0.element.element) } }
        return ranked.sorted { ($0.rank, $0.place) < ($1.rank, $1.place) }.prefix(shapesPerKernel).map(\.point)
    }

    /// A few cases, from all over the list; those with the types of the shapes where there are any.
    static func checks(_ cases: [ConformancePoint], like shapes: [ConformancePoint]) -> [ConformancePoint] {
        let types = Set(shapes.map(\.dtypes))
        let alike = cases.filter { types.contains($0.dtypes) }
        let pool = alike.isEmpty ? cases : alike
        return spread(pool, casesPerChoice)
    }

    private static func spread(_ points: [ConformancePoint], _ count: Int) -> [ConformancePoint] {
        guard points.count > count else { return points }
        return (0..<count).map { points[(2 * $0 + 1) * points.count / (2 * count)] }
    }
}
