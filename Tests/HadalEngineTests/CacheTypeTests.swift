import EngineTestSupport
import HadalBackend
import HadalCore
import HadalEngine
import HadalGraph
import TestSupport
import Testing

/// Which type a cache has, and what it costs.
@Suite("Types of caches")
struct CacheTypeTests {
    private static let model = Fixtures.path("models/llama")
    private static let tokens: [Int32] = (0..<60).map { Int32($0 * 7 % 300) }

    private func options(_ backend: String, _ type: DType?) -> EngineOptions {
        var options = EngineOptions.test(backend)
        options.cacheDType = type
        return options
    }

    /// A backend whose caches are of float32.
    private struct PlainCaches: Backend {
        final class Opened: Device {
            let inner: any Device
            init(_ inner: any Device) { self.inner = inner }
            var info: DeviceInfo { inner.info }
            func unsupported(node: Int, of segment: Segment) -> String? {
                let hasState = !segment.graph.nodes[node].states.isEmpty
                return hasState && segment.stateDType != .f32
                    ? "caches of \(segment.stateDType.name)" : inner.unsupported(node: node, of: segment)
            }
            func compile(_ segment: Segment) throws -> any Executable { try inner.compile(segment) }
            func allocate(bytes: Int) throws -> (any Buffer)? { try inner.allocate(bytes: bytes) }
            func heldBytes(of weight: Graph.Weight) -> Int? { inner.heldBytes(of: weight) }
            func quiesce() { inner.quiesce() }
        }
        let inner: any Backend
        let name = "plain"
        var version: String { inner.version }
        var summary: String { "caches of float32" }
        var capabilities: BackendCapabilities { inner.capabilities }
        var options: [OptionSpec] { inner.options }
        func devices() throws -> [DeviceInfo] { try inner.devices() }
        func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
            Opened(try inner.open(device: index, options: options, log: log))
        }
    }

    @Test("Unless asked for it is F16, and F32 on the reference backend and where there is no other")
    func automatic() throws {
        #expect(try LoadPlan(path: Self.model, options: options("cpu", nil)).cacheDType == .f16)
        #expect(try LoadPlan(path: Self.model, options: options("reference", nil)).cacheDType == .f32)
        #expect(try LoadPlan(path: Self.model, options: options("reference", .q8_0)).cacheDType == .q8_0)
        var plain = options("plain", nil)
        plain.environment.backends = [PlainCaches(inner: try EngineOptions.test("cpu").environment.registry().backend(named: "cpu"))]
        let plan = try LoadPlan(path: Self.model, options: plain)
        #expect(plan.cacheDType == .f32 && plan.obstacle == nil)
        #expect(try Engine(path: Self.model, options: options("cpu", nil)).cacheDType == .f16)
    }

    @Test("A type that no cache has is an error that names those there are")
    func refused() {
        expectError(.invalidArgument, "a cache of type Q4_0: it must be one of F32, F16, BF16, Q8_0") {
            try Engine(path: Self.model, options: options("cpu", .q4_0))
        }
    }

    @Test("The plan counts what pages take, padding and all")
    func memory() throws {
        // Three layers with keys and values of two heads, 16 wide: a block each, 34 bytes, and two of padding.
        for (type, row) in [(DType.f32, 64), (.f16, 32), (.bf16, 32), (.q8_0, 36)] {
            let plan = try LoadPlan(path: Self.model, options: options("cpu", type))
            #expect(plan.cacheBytesPerToken == 3 * 2 * 2 * row && plan.devices.first?.cacheBytesPerToken == 3 * 2 * 2 * row)
        }
    }

    @Test("Every type gives logits near those of float32, and nearer the more it keeps", arguments: ["cpu", "reference"])
    func logits(_ backend: String) throws {
        func last(_ type: DType) throws -> [Float] {
            let session = try Engine(path: Self.model, options: options(backend, type)).makeSession()
            try session.append(Self.tokens)
            return Array(session.logits)
        }
        let exact = try last(.f32), scale = exact.reduce(0) { max($0, abs($1)) }
        func error(_ type: DType) throws -> Float { zip(exact, try last(type)).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale }
        let (half, blocks) = (try error(.f16), try error(.q8_0))
        #expect(half > 0 && half < 2e-3 && blocks > half && blocks < 0.05)
    }
}
