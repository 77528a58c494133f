package import HadalBackend
import HadalCore

/// The most that a device was measured to do: what speeds of kernels are given as shares of.
package struct KernelCeilings: Sendable {
    /// Bytes a second between processor and memory.
    package var bytesPerSecond: Double
    /// Float operations a second; nil where that was not measured.
    package var floatOperations: Double?
    /// Operations a second on matrices of float16 numbers, for many tokens; nil where the device has no units for them.
    package var matrixOperations: Double?
    /// 8-bit operations a second, for products with quantised weights.
    package var int8Operations: Double?
    /// Where the figures come from: "measured on 2 threads".
    package var source: String

    package init(
        bytesPerSecond: Double, floatOperations: Double? = nil, matrixOperations: Double? = nil, int8Operations: Double? = nil,
        source: String
    ) {
        self.bytesPerSecond = bytesPerSecond
        self.floatOperations = floatOperations
        self.matrixOperations = matrixOperations
        self.int8Operations = int8Operations
        self.source = source
    }

    /// The rate at which a device copies between two buffers of its own, bytes read and written, and the arithmetic it measures itself; nil
    /// for a device without buffers.
    ///
    /// - Parameter seconds: for each of up to three figures.
    package static func measured(on device: any Device, seconds: Double = 0.4) throws -> KernelCeilings? {
        let heap = device.info.heaps.filter(\.deviceLocal).map(\.bytesFree).max() ?? 1 << 30
        let bytes = min(1 << 30, Int(clamping: heap / 8)) & ~4095
        guard bytes > 0, let source = try device.allocate(bytes: bytes), let target = try device.allocate(bytes: bytes) else { return nil }
        try target.copy(from: source, sourceOffset: 0, to: 0, bytes: bytes)
        let clock = ContinuousClock()
        let start = clock.now
        var fastest = Duration.seconds(3600)
        repeat {
            let begin = clock.now
            try target.copy(from: source, sourceOffset: 0, to: 0, bytes: bytes)
            fastest = min(fastest, clock.now - begin)
        } while clock.now - start < .seconds(seconds)
        let time = fastest.seconds
        guard time > 0 else { return nil }
        let rates = try device.measureRates(seconds: seconds)
        return KernelCeilings(
            bytesPerSecond: 2 * Double(bytes) / time, floatOperations: rates?.float32, matrixOperations: rates?.float16Matrix,
            source: "measured on the device, the memory by copying \(bytes >> 20) MiB")
    }
}
