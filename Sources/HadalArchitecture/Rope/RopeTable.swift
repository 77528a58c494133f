#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore

/// Rotary frequencies of one kind of attention, as the `rope` op wants them.
///
/// Sources: Su et al. 2021 (plain); Chen et al. 2023 (linear); Peng et al. 2023, YaRN (NTK by parts, section 3.2, and yarn);
/// Ding et al. 2024, LongRoPE.
package struct RopeTable: Sendable, Equatable {
    package enum Scaling: Sendable, Equatable {
        case plain
        case linear(factor: Double)
        /// Frequencies that turn more than `high` times over the original length stay, those that turn less than `low` times are
        /// divided, and those between are blended.
        case ntkByParts(factor: Double, low: Double, high: Double, original: Double)
        case yarn(factor: Double, betaFast: Double, betaSlow: Double, original: Double, truncate: Bool)
        /// The frequencies' divisors are stored with the model: for short sequences, and (if any) for long ones.
        case divided(short: Divisors, long: Divisors?)
        /// `dim / 2` frequencies that the description gives itself.
        case given([Double])
    }

    /// `dim / 2` numbers that divide the frequencies.
    package enum Divisors: Sendable, Equatable {
        case numbers([Double])
        case weight(WeightRecipe)
    }

    package let name: String
    /// Rotated dimensions of each head.
    package let dim: Int
    package let theta: Double
    package let scaling: Scaling
    /// Multiplies cos and sin.
    package let scale: Double
    /// Above this planned length the second row of frequencies holds; 0: there is one row.
    package let switchLength: Int

    package var rows: Int { switchLength > 0 ? 2 : 1 }
    package var dims: [Int] { [rows, dim / 2] }

    /// Radians per position, row-major `[rows, dim / 2]`. Calculated in float64.
    ///
    /// - Parameter read: gives the numbers of a stored divisor table.
    package func inverseFrequencies(_ read: (WeightRecipe) throws -> [Double]) throws -> [Float] {
        let half = dim / 2
        let plain = (0..<half).map { pow(theta, -Double(2 * $0) / Double(dim)) }
        func divide(_ divisors: Divisors) throws -> [Double] {
            let numbers: [Double]
            switch divisors {
            case .numbers(let given): numbers = given
            case .weight(let recipe): numbers = try read(recipe)
            }
            guard numbers.count == half, numbers.allSatisfy({ $0.isFinite && $0 != 0 }) else {
                throw HadalError(.mismatch, "rope table '\(name)' requires \(half) divisors that are not zero, got \(numbers.count)")
            }
            return zip(plain, numbers).map { $0 / $1 }
        }
        let result: [Double]
        switch scaling {
        case .plain: result = plain
        case .linear(let factor): result = plain.map { $0 / factor }
        case .ntkByParts(let factor, let low, let high, let original):
            result = plain.map { f in
                let rotations = original * f / (2 * Double.pi)
                if rotations > high { return f }
                if rotations < low { return f / factor }
                let s = (rotations - low) / (high - low)
                return f * (s + (1 - s) / factor)
            }
        case .yarn(let factor, let fast, let slow, let original, let truncate):
            func dimension(_ rotations: Double) -> Double {
                Double(dim) * log(original / (2 * Double.pi * rotations)) / (2 * log(theta))
            }
            var (low, high) = (dimension(fast), dimension(slow))
            if truncate { (low, high) = (low.rounded(.down), high.rounded(.up)) }
            (low, high) = (max(low, 0), min(high, Double(dim - 1)))
            if low == high { high += 0.001 }
            result = plain.enumerated().map { k, f in
                let ramp = min(max((Double(k) - low) / (high - low), 0), 1)
                return f * (1 - ramp) + f / factor * ramp
            }
        case .given(let frequencies): result = frequencies
        case .divided(let short, let long):
            if rows == 2, let long {
                result = try divide(short) + divide(long)
            } else {
                result = try divide(short)
            }
        }
        return result.map { Float($0) }
    }
}
