import HadalBackend
package import HadalConformance
package import HadalEngine

extension Engine {
    /// The most that the first device the model is placed on was measured to do; nil when that is the processor of this machine, or when the
    /// device has no memory of its own to measure.
    ///
    /// - Parameter seconds: for each of up to three figures.
    package func deviceCeilings(seconds: Double = 0.4) throws -> KernelCeilings? {
        guard let device = firstDevice, device.info.kind != .cpu else { return nil }
        return try KernelCeilings.measured(on: device, seconds: seconds)
    }
}
