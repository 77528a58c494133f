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
