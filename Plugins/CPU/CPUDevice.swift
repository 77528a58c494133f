import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An opened CPU device: its threads and its choice of kernels.
///
/// Thread safety: one thread at a time.
final class CPUDevice: Device, @unchecked Sendable {
    let info: DeviceInfo
    let configuration: CPUConfiguration
    let pool: ThreadPool
    /// nil: every expert stays in memory.
    let experts: ExpertCache?
    let packedMatrices = PackedMatrices()
    let kernels: KernelTable
    private weak var lastArena: HostMemory?

    init(_ configuration: CPUConfiguration, log: LogSink) throws {
        self.configuration = configuration
        info = Self.describe(configuration.isa)
        let kernels = try KernelTable(configuration.kernels, isa: configuration.isa, log: log)
        self.kernels = kernels
        let blas = configuration.usesBLAS ? BLASLibrary.shared : nil
        if configuration.usesBLAS, blas == nil { log.write(.debug, "cpu: no OpenBLAS; own kernels serve float products") }
        pool = ThreadPool(threads: configuration.threads, sgemm: blas?.sgemm, order: configuration.order)
        experts = try configuration.experts.map {
            ExpertCache($0, pack: try InstructionStream.function(kernels.kernel("linear_pack", of: Op.linear), configuration.isa))
        }
    }

    func compile(_ segment: Segment) throws -> any Executable { try CPUExecutable(segment, on: self) }

    /// Computes on host memory.
    func allocate(bytes: Int) throws -> (any Buffer)? { nil }

    /// Memory for what an executable computes between its inputs and outputs. Executables of a device run one at a time and keep nothing
    /// there from one run to the next, so that they share it: a model may be cut into many.
    func arena(bytes: Int) throws -> HostMemory {
        if let lastArena, lastArena.bytes >= bytes { return lastArena }
        let arena = try HostMemory(bytes: bytes, huge: true)
        lastArena = arena
        return arena
    }

    /// Packed matrices, each of a stack starting a group of its own.
    func heldBytes(of weight: Graph.Weight) -> Int? {
        guard weight.dims.count >= 2, let columns = weight.dims.last, columns > 0, let bytes = try? weight.checkedBytes() else {
            return nil
        }
        let rows = weight.dims[weight.dims.count - 2], packing = WeightStore.packing(of: weight, self)
        guard packing != 0, rows > 0 else { return bytes }
        let matrices = weight.dims.dropLast(2).reduce(1, *)
        let (held, overflow) = Int(hadal_packed_bytes(packing, Int64(rows), Int64(columns))).multipliedReportingOverflow(by: matrices)
        return overflow ? nil : held
    }

    func quiesce() {
        pool.quiesce()
        experts?.quiesce()
    }

    static func describe(_ isa: InstructionSet) -> DeviceInfo {
        var info = DeviceInfo(kind: .cpu, id: "cpu0", name: Processors.modelName, driver: "")
        info.features = isa.runnable.map(\.name)
        let page = UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 0))
        let total = UInt64(max(sysconf(Int32(_SC_PHYS_PAGES)), 0)) * page
        info.heaps = [.init(bytesTotal: total, bytesFree: min(Processors.freeMemory ?? total, total), hostVisible: true, deviceLocal: true)]
        info.dtypes = DType.allCases.filter { Self.computesOn($0) || $0 == .f8_e4m3 }
        return info
    }

    /// Weight types that linear and embedding take.
    static func computesOn(_ dtype: DType) -> Bool {
        switch dtype {
        case .f32, .f16, .bf16: true
        default: hadal_packing_of(dtype.rawValue, InstructionSet.baseline.rawValue) != UInt32(HADAL_PACKED_NONE)
        }
    }
}
