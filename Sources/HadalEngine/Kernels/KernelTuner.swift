import Foundation
import HadalBackend
import HadalCore
import HadalGraph

/// Finds the parameters that an op's kernels are fastest with on a device.
///
/// What may be chosen is data: an op.json lists, under the backend's name, stages and variants with `parameters`, a list of legal values each. A
/// backend that can be tuned publishes a string option `tuned`, the path of a file `{device: {op: {kernel: {parameter: value}}}}`; each
/// choice is tried by opening the device with such a file.
public struct KernelTuner {
    public static let option = "tuned"

    /// One kernel of an op, with the values that each of its parameters may have.
    public struct Kernel: Sendable {
        public var name: String
        public var parameters: [(name: String, values: [Int])]
    }

    public struct Choice: Sendable {
        public var op: String
        /// Parameters by kernel.
        public var values: [String: [String: Int]]
        /// Geometric mean over the shapes, in microseconds: with the usual values, and with the best.
        public var usual: Double
        public var best: Double
        public var tried: Int
        /// Choices that the device refused, or with which results were wrong.
        public var rejected: [String]
    }

    /// Most choices of one kernel that are tried; more are thinned out.
    private static let mostChoices = 256

    let specification: String
    let environment: EngineEnvironment
    let settings: [String: String]
    public let catalogue: OpCatalogue
    public let backend: any Backend
    public let device: DeviceInfo
    /// How long a shape is timed with one choice.
    public var seconds = 0.1
    public var progress: ((String) -> Void)?

    /// - Throws: `unsupported` for a backend that cannot be tuned.
    public init(_ specification: String, environment: EngineEnvironment, settings: [String: String]) throws {
        self.specification = specification
        self.environment = environment
        self.settings = settings
        catalogue = try environment.catalogue()
        let chosen = try environment.registry().resolve(specification)
        (backend, device) = (chosen.backend, chosen.device)
        guard backend.options.contains(where: { $0.name == Self.option && $0.kind == .string }) else {
            throw HadalError(
                .unsupported, "the kernels of backend '\(backend.name)' have no parameters to tune",
                hint: "a backend that can be tuned publishes an option '\(Self.option)'; hadal backends lists options")
        }
    }

    /// The kernels of an op that have something to choose; empty: none.
    public func kernels(of contract: OpContract) throws -> [Kernel] {
        let document = try JSONDocument(contentsOf: "\(contract.folder)/op.json")
        guard let entry = document.root[backend.name] else { return [] }
        var kernels: [Kernel] = []
        for stage in entry.array ?? entry["stages"]?.array ?? [] {
            let base = Self.parameters(stage["parameters"])
            for form in [stage] + (stage["variants"]?.array ?? []) {
                let own = form["parameters"].map { Self.parameters($0) } ?? base
                guard let name = form["name"]?.string, own.contains(where: { $0.values.count > 1 }) else { continue }
                kernels.append(Kernel(name: name, parameters: own))
            }
        }
        return kernels
    }

    private static func parameters(_ json: JSON?) -> [(name: String, values: [Int])] {
        (json?.object?.members ?? []).map { ($0.key, ($0.value.array ?? [$0.value]).compactMap(\.int)) }.filter { !$0.1.isEmpty }
    }

    /// Tries every legal choice of every kernel of an op, one kernel after the other.
    ///
    /// - Throws: when the op does not even run with its usual parameters.
    public func tune(_ contract: OpContract, at points: [ConformancePoint]) throws -> Choice {
        let kernels = try kernels(of: contract)
        var best = try time(contract, points, values: [:])
        var choice = Choice(op: contract.name, values: [:], usual: best, best: best, tried: 1, rejected: [])
        for kernel in kernels {
            for values in Self.choices(kernel) {
                var candidate = choice.values
                candidate[kernel.name] = values
                let text = "\(contract.name) \(kernel.name) " + values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
                progress?(text)
                choice.tried += 1
                do {
                    let time = try time(contract, points, values: candidate)
                    if time < best {
                        best = time
                        choice.values = candidate
                    }
                } catch let error as HadalError { choice.rejected.append("\(text): \(error.message)") }
            }
        }
        choice.best = best
        return choice
    }

    /// The cartesian product of a kernel's values; evenly thinned where there are too many.
    static func choices(_ kernel: Kernel) -> [[String: Int]] {
        var all: [[String: Int]] = [[:]]
        for (name, values) in kernel.parameters {
            all = all.flatMap { choice in values.map { choice.merging([name: $0]) { $1 } } }
            if all.count > mostChoices { all = (0..<mostChoices).map { all[$0 * all.count / mostChoices] } }
        }
        return all
    }

    /// Microseconds, as the geometric mean over the shapes, with these parameters; checks results first.
    private func time(_ contract: OpContract, _ points: [ConformancePoint], values: [String: [String: Int]]) throws -> Double {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hadal-tune-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Self.write([contract.name: values], device: device.id, to: path, keeping: false)
        let bench = try KernelWorkbench(
            specification, environment: environment, settings: settings, options: [Self.option: .string(path)])
        let report = try bench.test([contract], options: .init(casesPerOp: .max, failuresPerOp: 1, quickCases: ConformanceKit.Options.quickCases))
        if let failure = report.ops.flatMap(\.failures).first {
            throw HadalError(.mismatch, "wrong results in case \(failure.id): \(failure.message)")
        }
        var options = KernelBench.Options()
        options.seconds = seconds
        let timer = KernelBench(catalogue: catalogue, device: bench.device, capabilities: bench.capabilities, options: options)
        var logarithms: [Double] = []
        for point in points {
            do { logarithms.append(Foundation.log(try timer.measure(point, contract).microseconds)) } catch let error as HadalError
            where error.code == .unsupported { continue }
        }
        guard !logarithms.isEmpty else { throw HadalError(.unsupported, "\(backend.name) runs none of the shapes of '\(contract.name)'") }
        return Foundation.exp(logarithms.reduce(0, +) / Double(logarithms.count))
    }

    /// Writes parameters of a device, keeping those of other devices and ops that a file has already.
    public static func write(_ ops: [String: [String: [String: Int]]], device: String, to path: String, keeping: Bool = true) throws {
        var root = JSONObject()
        if keeping, FileManager.default.fileExists(atPath: path) {
            let document = try JSONDocument(contentsOf: path)
            guard let object = document.root.object else {
                throw HadalError(.malformed, "tuned parameters must be an object, not \(document.root.kindName)", at: Place(path))
            }
            root = object
        }
        var own = root[device]?.object ?? JSONObject()
        for (op, kernels) in ops.sorted(by: { $0.key < $1.key }) {
            own[op] = JSON(.object(JSONObject(kernels.sorted { $0.key < $1.key }.map { kernel, values in
                (kernel, JSON(.object(JSONObject(values.sorted { $0.key < $1.key }.map { ($0.key, JSON(.int(Int64($0.value)))) }))))
            })))
        }
        root[device] = JSON(.object(own))
        do {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try (JSON(.object(root)).text(indent: 2) + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        } catch { throw HadalError(.io, "cannot write: \(error.localizedDescription)", at: Place(path)) }
    }
}
