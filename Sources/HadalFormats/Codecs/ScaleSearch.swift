/// Least-squares scales for the block formats that leave the encoder a choice.
///
/// A grid of trial scales around the one that maps the largest value to the last level fixes the levels; for fixed levels
/// the best scale has a closed form. The trial with the least squared error wins.
enum ScaleSearch {
    private static let trials = -10...10

    /// The signed scale `s` for `x ~ s * q` with whole `q` in `-n ... n - 1`. 0 for a block of zeros.
    static func symmetric(_ values: UnsafePointer<Float>, _ count: Int, n: Float) -> Float {
        let peak = Rounding.signedPeak(values, count)
        guard peak.isFinite, abs(peak) > 1e-30 else { return 0 }
        var (best, gain) = (Float(0), Float(-1))
        for trial in trials {
            let inverse = -(n + 0.1 * Float(trial)) / peak
            var (xq, qq) = (Float(0), Float(0))
            for i in 0..<count {
                let q = Rounding.nearest(values[i] * inverse, -n, n - 1)
                xq += values[i] * q
                qq += q * q
            }
            // The squared error is sum(x^2) - xq^2 / qq at the best scale, xq / qq.
            if qq > 0, xq * xq > gain * qq {
                gain = xq * xq / qq
                best = xq / qq
            }
        }
        return best
    }

    /// Scale and minimum, neither negative, for `x ~ scale * q - minimum` with whole `q` in `0...levels`.
    static func affine(
        _ values: UnsafePointer<Float>, _ count: Int, levels: Float
    ) -> (scale: Float, minimum: Float) {
        var (low, high) = Rounding.bounds(values, count)
        low = min(low, 0)
        high = max(high, 0)
        guard low.isFinite, high.isFinite, high - low > 1e-30 else { return (0, 0) }
        let n = Float(count)
        var (sum, squares) = (Float(0), Float(0))
        for i in 0..<count {
            sum += values[i]
            squares += values[i] * values[i]
        }
        var best: (scale: Float, minimum: Float) = ((high - low) / levels, -low)
        var least = Float.infinity
        for trial in trials {
            let inverse = (levels + 0.1 * Float(trial)) / (high - low)
            var (q1, q2, xq) = (Float(0), Float(0), Float(0))
            for i in 0..<count {
                let q = Rounding.nearest((values[i] - low) * inverse, 0, levels)
                q1 += q
                q2 += q * q
                xq += values[i] * q
            }
            // Normal equations of the line through (q, x).
            let determinant = n * q2 - q1 * q1
            guard determinant > 0 else { continue }
            var scale = (n * xq - sum * q1) / determinant
            var offset = (sum - scale * q1) / n
            if offset > 0 {
                offset = 0
                scale = xq / q2
            }
            guard scale > 0 else { continue }
            let error = squares - 2 * (scale * xq + offset * sum) + scale * scale * q2 + 2 * scale * offset * q1 + n * offset * offset
            if error < least {
                least = error
                best = (scale, -offset)
            }
        }
        return best
    }

    /// The signed scale for `x ~ s * levels[q]` with a table of levels.
    static func table(_ values: UnsafePointer<Float>, _ count: Int, _ table: LevelTable) -> Float {
        let peak = Rounding.signedPeak(values, count)
        guard peak.isFinite, abs(peak) > 1e-30 else { return 0 }
        return table.withCells { cells in
            var (best, gain) = (Float(0), Float(-1))
            // The two ends of the table differ, so that the peak may do better at either.
            for end in [table.first, table.last] {
                for trial in trials {
                    let inverse = end * (1 + 0.01 * Float(trial)) / peak
                    var (xq, qq) = (Float(0), Float(0))
                    for i in 0..<count {
                        let q = cells.level(values[i] * inverse)
                        xq += values[i] * q
                        qq += q * q
                    }
                    if qq > 0, xq * xq > gain * qq {
                        gain = xq * xq / qq
                        best = xq / qq
                    }
                }
            }
            return best
        }
    }
}
