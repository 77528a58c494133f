import HadalBackend
import HadalCore
import HadalGraph

/// Another backend on a host with so much memory.
struct CrampedBackend: Backend {
    let name: String
    let inner: any Backend
    let bytes: UInt64

    var version: String { inner.version }
    var summary: String { inner.summary }
    var capabilities: BackendCapabilities { inner.capabilities }
    var options: [OptionSpec] { inner.options }

    func devices() throws -> [DeviceInfo] {
        try inner.devices().map { info in
            var info = info
            info.name = "a host of \(bytes) bytes"
            info.heaps = [.init(bytesTotal: bytes, bytesFree: bytes, hostVisible: true, deviceLocal: true)]
            return info
        }
    }

    func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
        CrampedDevice(info: try devices()[index], inner: try inner.open(device: index, options: options, log: log))
    }
}

private final class CrampedDevice: Device {
    let info: DeviceInfo
    private let inner: any Device

    init(info: DeviceInfo, inner: any Device) { (self.info, self.inner) = (info, inner) }

    func unsupported(node: Int, of segment: Segment) -> String? { inner.unsupported(node: node, of: segment) }
    func compile(_ segment: Segment) throws -> any Executable { try inner.compile(segment) }
    func allocate(bytes: Int) throws -> (any Buffer)? { try inner.allocate(bytes: bytes) }
    func heldBytes(of weight: Graph.Weight) -> Int? { inner.heldBytes(of: weight) }
    func quiesce() { inner.quiesce() }
}
