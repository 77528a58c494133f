import Hadal

/// What the speeds of a benchmark are given as shares of: a device's own ceilings, or those of this machine's processor.
struct BenchCeilings {
    /// Bytes a second: read by the processor, or read and written by a device that copies.
    let bandwidth: Double
    let int8Operations: Double?
    let floatOperations: Double?
    let matrixOperations: Double?
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

    /// The arithmetic that bounds prefill with quantised weights.
    var arithmetic: (name: String, rate: Double)? {
        if let matrixOperations { return ("float16 matrix arithmetic", matrixOperations) }
        if let int8Operations { return ("int8 arithmetic", int8Operations) }
        return floatOperations.map { ("float32 arithmetic", $0) }
    }
}
