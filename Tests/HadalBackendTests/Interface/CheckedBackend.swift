import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph
import Synchronization

/// A backend that computes nothing and counts the steps that reach it.
final class CheckedBackend: Backend {
    let name = "checked"
    let version = "1"
    let summary = "counts steps"
    let capabilities: BackendCapabilities = [.symbolicDims, .multiNode, .state, .multiSequence]
    let options: [OptionSpec] = []
    let hasBuffers: Bool
    let steps = Mutex(0)

    init(hasBuffers: Bool = false) { self.hasBuffers = hasBuffers }

    func devices() throws -> [DeviceInfo] { [DeviceInfo(kind: .software, id: "0", name: "0")] }
    func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device { CheckedDevice(self) }
}

private final class CheckedDevice: Device, @unchecked Sendable {
    let info = DeviceInfo(kind: .software, id: "0", name: "0")
    let backend: CheckedBackend

    init(_ backend: CheckedBackend) { self.backend = backend }

    func unsupported(node: Int, of segment: Segment) -> String? { nil }
    func compile(_ segment: Segment) throws -> any Executable { try CheckedExecutable(backend, segment) }
    func allocate(bytes: Int) throws -> (any Buffer)? { backend.hasBuffers ? try HostBuffer(bytes: bytes) : nil }
    func quiesce() {}
}

private final class CheckedExecutable: Executable, @unchecked Sendable {
    let info = ExecutableInfo(keepsWeights: false)
    let validator: StepValidator
    private let backend: CheckedBackend

    init(_ backend: CheckedBackend, _ segment: Segment) throws {
        self.backend = backend
        validator = try StepValidator(segment, memory: backend.hasBuffers ? .device : .host)
    }

    func run(_ step: CheckedStep) throws { backend.steps.withLock { $0 += 1 } }
}
