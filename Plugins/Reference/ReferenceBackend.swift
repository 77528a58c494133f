public import HadalBackend
public import HadalCore
import HadalFormats
import HadalGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The backend that defines what every op means: plain loops, accumulation in double precision, activations rounded to
/// float32 between ops.
///
/// It computes on host memory, takes any number of sequences a step, and gives the same bits for any number of threads.
public struct ReferenceBackend: Backend {
    public init() {}

    public let name = "reference"
    public let version = "1.0"
    public let summary = "every op in plain Swift with double-precision accumulation: slow, and what the others are checked against"
    public let capabilities: BackendCapabilities = [
        .blockScales, .trace, .multiNode, .state, .multiSequence, .symbolicDims, .stableSteps, .fixedStates,
    ]
    public let options = [
        OptionSpec(
            .threads, defaultValue: .int(0), minimum: 0, maximum: 256,
            help: "number of threads that share the rows of a matrix; 0: one per processor"),
        OptionSpec(
            .kernels, defaultValue: .string(""),
            help: "directories with your own op folders, separated by colons: ops whose contracts define them as expressions"),
    ]

    public func devices() throws -> [DeviceInfo] { [Self.deviceInfo()] }

    public func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
        guard index == 0 else { throw HadalError(.notFound, "the reference backend has one device, number 0, not \(index)") }
        var threads = 0
        var contracts = try OpCatalogue.installed()
        for (key, value) in options {
            switch (key, value) {
            case (WellKnownOption.threads.name, .int(let n)) where (0...256).contains(n): threads = Int(n)
            case (WellKnownOption.threads.name, _): throw HadalError(.invalidArgument, "option threads requires an integer from 0 to 256")
            case (WellKnownOption.kernels.name, .string(let text)):
                for directory in text.split(separator: ":").reversed() { try contracts.add(folder: String(directory)) }
            default:
                throw HadalError(
                    .invalidArgument, "the reference backend does not take option \(key) with that value", hint: "known: kernels, threads")
            }
        }
        return ReferenceDevice(info: Self.deviceInfo(), threads: threads == 0 ? Self.processors : threads, contracts: contracts)
    }

    private static var processors: Int { min(Processors.usableHyperthreads, 256) }

    private static func deviceInfo() -> DeviceInfo {
        var info = DeviceInfo(kind: .cpu, id: "reference", name: "Reference")
        let page = UInt64(max(sysconf(Int32(_SC_PAGESIZE)), 1))
        let total = UInt64(max(sysconf(Int32(_SC_PHYS_PAGES)), 0)) * page
        #if canImport(Glibc)
            let free = UInt64(max(sysconf(Int32(_SC_AVPHYS_PAGES)), 0)) * page
        #else
            let free = total
        #endif
        info.heaps = [.init(bytesTotal: total, bytesFree: free, hostVisible: true, deviceLocal: true)]
        info.dtypes = BlockCodec.dtypes
        return info
    }
}
