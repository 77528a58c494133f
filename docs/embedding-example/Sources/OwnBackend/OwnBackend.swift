import Hadal
import HadalCPU
import HadalConformance
import HadalPluginKit
import HadalReference

/// A backend of one op, `add`, on the host's memory.
struct Adder: Backend {
    let name = "adder"
    let version = "1.0"
    let summary = "Adds."
    let capabilities: BackendCapabilities = [.symbolicDims]
    let options: [OptionSpec] = []

    func devices() throws -> [DeviceInfo] { [DeviceInfo(kind: .cpu, id: "adder", name: "Adder")] }

    func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
        guard index == 0 else { throw HadalError(.notFound, "adder has one device, not \(index + 1)") }
        try check(options: options)
        return AdderDevice(info: try devices()[0])
    }
}

final class AdderDevice: Device {
    let info: DeviceInfo

    init(info: DeviceInfo) { self.info = info }

    func unsupported(node: Int, of segment: Segment) -> String? {
        let node = segment.graph.nodes[node]
        guard node.op == "add" else { return "adder has no '\(node.op)'" }
        // A row of one operand for all rows of the other, say.
        let dims = node.inputs.map { if case .value(let value) = $0 { segment.graph.values[value].dims } else { [Dim]() } }
        return dims[0] == dims[1] ? nil : "adder adds values of the same shape"
    }

    func compile(_ segment: Segment) throws -> any Executable { try Addition(segment) }
    func allocate(bytes: Int) throws -> (any Buffer)? { nil }
    func quiesce() {}
}

/// A segment of one node: a backend without `multiNode` is given no other.
final class Addition: Executable, @unchecked Sendable {
    let info = ExecutableInfo()
    let validator: StepValidator
    /// Which bindings the operands are: an input may be added to itself.
    private let operands: [Int]
    private let dims: [Dim]

    init(_ segment: Segment) throws {
        let graph = segment.graph
        operands = graph.nodes[0].inputs.compactMap { if case .value(let value) = $0 { graph.inputs.firstIndex(of: value) } else { nil } }
        dims = graph.values[graph.outputs[0]].dims
        guard graph.nodes.count == 1, operands.count == 2 else { throw HadalError(.unsupported, "adder runs one node of two values") }
        validator = try StepValidator(segment, memory: .host)
    }

    func run(_ step: CheckedStep) throws {
        let (a, b, sum) = (step.inputs[operands[0]], step.inputs[operands[1]], step.outputs[0])
        let count = dims.reduce(1) { $0 * step.extent($1) }
        func floats(_ binding: hadal_binding) -> UnsafeMutablePointer<Float> {
            (binding.host + Int(binding.offset)).assumingMemoryBound(to: Float.self)
        }
        for i in 0..<count { floats(sum)[i] = floats(a)[i] + floats(b)[i] }
    }
}

/// Checks the backend against the reference, then lets it do what it can in a model and the CPU the rest.
@main
struct OwnBackend {
    static func main() async throws {
        guard CommandLine.arguments.count == 2 else { return print("usage: OwnBackend MODEL") }
        let report = try ConformanceKit(reference: ReferenceBackend(), options: .init(ops: ["add"])).check(Adder())
        for check in report.checks where check.status == .fail { print("\(check.name): \(check.detail)") }
        for op in report.ops {
            print("\(op.name): \(op.cases) cases, \(op.failedCases) failed")
            for failure in op.failures { print("  \(failure.id): \(failure.message)") }
        }
        guard report.passed else { return print("adder does not do what the contracts say") }

        var options = EngineOptions(backends: [Adder(), CPUBackend()])
        options.fallback = .allow
        let engine = try await Engine.load(CommandLine.arguments[1], options: options)
        let session = engine.makeSession()
        try await engine.perform { try session.append([1, 2, 3]) }
        let devices = engine.placement.deviceOfNode
        for (index, device) in engine.placement.devices.enumerated() {
            print("\(device): \(devices.count { $0 == index }) ops")
        }
    }
}
