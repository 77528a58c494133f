import Hadal
import HadalConformance
import HadalKernelTools

/// What the speeds of a benchmark are given as shares of: a device's own ceilings, or those of this machine's processor.
struct BenchCeilings {
    /// Bytes a second: read by the processor, or read and written by a device that copies.
    private(set) var bandwidth: Double
    private(set) var int8Operations: Double?
    private(set) var floatOperations: Double?
    private(set) var matrixOperations: Double?
    let isDevice: Bool

    init(_ engine: Engine, threads: Int?) throws {
        if let device = try engine.deviceCeilings() {
            bandwidth = device.bytesPerSecond
            (int8Operations, floatOperations, matrixOperations) = (device.int8Operations, device.floatOperations, device.matrixOperations)
            isDevice = true
        } else {
            let machine = try MachineCeilings.measure(threads: threads)
            bandwidth = machine.readBandwidth
            (int8Operations, floatOperations, matrixOperations) = (machine.int8Operations, machine.floatOperations, nil)
            isDevice = false
        }
    }

    /// The higher of each of two measurements: what else runs on a machine only ever lowers them.
    func higher(_ other: BenchCeilings) -> BenchCeilings {
        func most(_ a: Double?, _ b: Double?) -> Double? { a.map { max($0, b ?? $0) } }
        var result = self
        result.bandwidth = max(bandwidth, other.bandwidth)
        result.int8Operations = most(int8Operations, other.int8Operations)
        result.floatOperations = most(floatOperations, other.floatOperations)
        result.matrixOperations = most(matrixOperations, other.matrixOperations)
        return result
    }

    /// The arithmetic that bounds prefill with quantised weights.
    var arithmetic: (name: String, rate: Double)? {
        if let matrixOperations { return ("float16 matrix arithmetic", matrixOperations) }
        if let int8Operations { return ("int8 arithmetic", int8Operations) }
        return floatOperations.map { ("float32 arithmetic", $0) }
    }
}
