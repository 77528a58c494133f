import ArgumentParser
import HadalCore

/// What `--cache-type` takes.
enum CacheType: String, CaseIterable, ExpressibleByArgument {
    case auto, f32, f16, q8_0

    /// nil: what the engine chooses.
    var dtype: DType? {
        switch self {
        case .auto: nil
        case .f32: .f32
        case .f16: .f16
        case .q8_0: .q8_0
        }
    }

    init?(argument: String) { self.init(rawValue: argument.lowercased()) }
}
