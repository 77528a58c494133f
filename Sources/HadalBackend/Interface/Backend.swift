import CHadalPlugin
public import HadalCore
public import HadalGraph

/// A way to run graphs: found by name, lists its devices cheaply, opens one when asked.
///
/// Thread safety: any thread may list and open.
public protocol Backend: Sendable {
    /// What `--backend` takes.
    var name: String { get }
    var version: String { get }
    var summary: String { get }
    var capabilities: BackendCapabilities { get }
    var options: [OptionSpec] { get }
    /// Whether devices own their memory (`Device.allocate` gives buffers). Otherwise they compute on host memory.
    var ownsMemory: Bool { get }

    /// Touches no device for longer than it takes to describe it.
    func devices() throws -> [DeviceInfo]

    /// - Parameter options: parsed against `options`; those left out take their defaults.
    func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device
}

extension Backend {
    public var ownsMemory: Bool { false }
}

/// What a backend claims to read or do. Raw values are those of the plugin ABI.
public struct BackendCapabilities: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let blockScales = BackendCapabilities(rawValue: 1 << 0)
    public static let trace = BackendCapabilities(rawValue: 1 << 1)
    public static let multiNode = BackendCapabilities(rawValue: 1 << 2)
    public static let state = BackendCapabilities(rawValue: 1 << 3)
    public static let multiSequence = BackendCapabilities(rawValue: 1 << 4)
    public static let symbolicDims = BackendCapabilities(rawValue: 1 << 5)
    /// Reads weights from files piece by piece: their `bytes` may be nil when they have `pieces`.
    public static let weightPieces = BackendCapabilities(rawValue: 1 << 6)
    /// A step of up to `stableTokens` tokens of a sequence gives each of them the bits it would get in a step of its own.
    public static let stableSteps = BackendCapabilities(rawValue: 1 << 7)
    /// Kernels of a compiled segment can be exchanged: `Executable.replaceKernel`.
    public static let liveKernels = BackendCapabilities(rawValue: 1 << 8)
    /// States of fixed size: `Graph.State.rows`.
    public static let fixedStates = BackendCapabilities(rawValue: 1 << 9)
    public static let stableTokens = Int(HADAL_STABLE_TOKENS)
}

/// One processor as a backend describes it.
public struct DeviceInfo: Sendable {
    public enum Kind: UInt32, Sendable { case cpu = 0, gpu = 1, integratedGPU = 2, accelerator = 3, software = 4 }
    public struct Heap: Sendable {
        public var bytesTotal: UInt64
        public var bytesFree: UInt64
        public var hostVisible: Bool
        public var deviceLocal: Bool
        public init(bytesTotal: UInt64, bytesFree: UInt64, hostVisible: Bool, deviceLocal: Bool) {
            self.bytesTotal = bytesTotal
            self.bytesFree = bytesFree
            self.hostVisible = hostVisible
            self.deviceLocal = deviceLocal
        }
    }
    public var kind: Kind
    /// Stable across runs.
    public var id: String
    public var name: String
    public var driver: String
    public var features: [String] = []
    public var heaps: [Heap] = []
    public var subgroupSizes: ClosedRange<Int>?
    public var dtypes: [DType] = []
    public var importAlignment: Int = 0
    public var bufferRangeLimit: Int = 0

    public init(kind: Kind, id: String, name: String, driver: String = "") {
        self.kind = kind
        self.id = id
        self.name = name
        self.driver = driver
    }
}

/// An opened device.
///
/// Thread safety: one thread at a time.
public protocol Device: AnyObject, Sendable {
    var info: DeviceInfo { get }
    /// nil: yes. Otherwise the reason why not. Weights of the segment may lack data.
    func unsupported(node: Int, of segment: Segment) -> String?
    /// Does all the work that can be done once.
    func compile(_ segment: Segment) throws -> any Executable
    /// nil when the device computes on host memory; then state and activations are `HostBuffer`s.
    func allocate(bytes: Int) throws -> (any Buffer)?
    /// Makes host memory usable as a buffer without a copy; nil when the device cannot. The memory outlives the buffer.
    func importMemory(_ memory: UnsafeMutableRawBufferPointer) throws -> (any Buffer)?
    /// Bytes that the device would hold in memory for the matrices of a weight; nil when it does not know.
    func heldBytes(of weight: Graph.Weight) -> Int?
    /// What the device is measured to do at most, in about so many seconds; nil when it does not measure.
    func measureRates(seconds: Double) throws -> DeviceRates?
    /// Joins every thread the device started.
    func quiesce()
}

extension Device {
    public func importMemory(_ memory: UnsafeMutableRawBufferPointer) throws -> (any Buffer)? { nil }
    public func heldBytes(of weight: Graph.Weight) -> Int? { nil }
    public func measureRates(seconds: Double) throws -> DeviceRates? { nil }
}

/// Memory that a device owns.
public protocol Buffer: AnyObject, Sendable {
    var bytes: Int { get }
    func write(offset: Int, from source: UnsafeRawBufferPointer) throws
    func read(offset: Int, into destination: UnsafeMutableRawBufferPointer) throws
    /// Both buffers belong to the same device.
    func copy(from source: any Buffer, sourceOffset: Int, to offset: Int, bytes: Int) throws
    /// Reads a range of an open file into the buffer.
    func upload(offset: Int, file: Int32, fileOffset: UInt64, bytes: Int) throws
    /// Where the buffer is mapped in host memory, or nil. Valid while the buffer lives.
    var hostPointer: UnsafeMutableRawPointer? { get }
    /// What `hadal_binding.buffer` holds for this buffer. A backend written in Swift keeps the default, the object itself unretained,
    /// and reads it back with `Unmanaged<ItsBuffer>.fromOpaque`.
    var handle: OpaquePointer { get }
}

extension Buffer {
    public var handle: OpaquePointer { OpaquePointer(Unmanaged<AnyObject>.passUnretained(self).toOpaque()) }
}

/// A compiled segment.
///
/// Thread safety: one `execute` at a time.
public protocol Executable: AnyObject, Sendable {
    var info: ExecutableInfo { get }
    /// Made of the segment that was compiled.
    var validator: StepValidator { get }
    /// Runs a step that `validator` has checked. Returns when outputs can be read. Allocates nothing on the heap.
    func run(_ step: CheckedStep) throws
    /// What has been read from disk since compiling; nil when all weights are in memory. Between two executions.
    var expertStatistics: ExpertStatistics? { get }
    /// From the next `execute` on, nodes of `op` run the kernel whose source is in the folder `directory/op`, which stays as it is as long as
    /// the executable lives. Between two executions.
    ///
    /// - Throws: when there is no such kernel, or it cannot be built or used; then the executable goes on as before.
    func replaceKernel(op: String, from directory: String) throws
}

extension Executable {
    /// Checks a step, then runs it: the one way to run an executable. Returns when outputs can be read.
    ///
    /// - Throws: `invalidArgument` for a step that contradicts itself, its bindings or the segment; what `run` throws.
    public func execute(_ execution: Execution) throws { try run(validator.check(execution)) }

    public var expertStatistics: ExpertStatistics? { nil }
    public func replaceKernel(op: String, from directory: String) throws {
        throw HadalError(.unsupported, "the backend cannot exchange kernels of a compiled model")
    }
}

public struct ExecutableInfo: Sendable {
    /// The segment's weight data must stay mapped.
    public var keepsWeights: Bool
    public var weightBytes: Int
    public var scratchBytes: Int
    public var barriersPerStep: Int
    public init(keepsWeights: Bool = true, weightBytes: Int = 0, scratchBytes: Int = 0, barriersPerStep: Int = 0) {
        self.keepsWeights = keepsWeights
        self.weightBytes = weightBytes
        self.scratchBytes = scratchBytes
        self.barriersPerStep = barriersPerStep
    }
}

/// What a device was measured to do at most, in operations a second; a multiply-add is two.
public struct DeviceRates: Sendable, Equatable {
    public var float32: Double
    /// Matrices of float16 numbers whose products are added up in float32; nil: the device has no units for them.
    public var float16Matrix: Double?

    public init(float32: Double, float16Matrix: Double? = nil) {
        self.float32 = float32
        self.float16Matrix = float16Matrix
    }
}
