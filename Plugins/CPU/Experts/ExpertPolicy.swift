#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Which of the experts held for a layer goes first when room is needed.
enum ExpertPolicy: Sendable {
    /// The one used longest ago.
    case recency
    /// The one used least, each use counting half as much `halfLife` steps of its layer later. Keeps a layer's favourites where recency
    /// alone loses them to a run of strangers.
    case frequency

    /// Steps of a layer after which a use counts half.
    static let halfLife: Float = 64

    /// How much an expert is worth keeping.
    ///
    /// - Parameters:
    ///   - weight: its uses, as they counted at the last one.
    ///   - age: steps of the layer since.
    func worth(weight: Float, age: UInt64) -> Float {
        switch self {
        case .recency: -Float(age)
        case .frequency: weight * exp2f(-Float(age) / Self.halfLife)
        }
    }
}
