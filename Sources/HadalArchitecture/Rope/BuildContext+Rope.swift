#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore
import HadalFormats

extension BuildContext {
    static let scalings = ["plain", "linear", "dynamic", "ntk_by_parts", "yarn", "longrope"]

    /// Evaluates a table's fields.
    func ropeTable(_ spec: RopeSpec, _ indices: [String: Int], wanted: String) throws -> RopeTable {
        let scope = scope(indices)
        func fail(_ message: String, _ code: HadalError.Code = .mismatch, hint: String? = nil) -> HadalError {
            HadalError(code, "rope table '\(spec.name)': \(message)", at: spec.place, hint: hint)
        }
        func number(_ key: String, _ fallback: Double? = nil) throws -> Double? {
            guard let formula = spec.fields[key] else { return fallback }
            let value = try formula.evaluate(scope)
            if value.isNull { return fallback }
            guard let d = value.double, d.isFinite else {
                throw formula.fail("rope table '\(spec.name)': \(key) is \(value), not a number")
            }
            return d
        }
        func positive(_ key: String, _ fallback: Double? = nil) throws -> Double {
            guard let d = try number(key, fallback) else { throw fail("'\(key)' is missing") }
            guard d > 0 else {
                let message = "'\(key)' is \(d); it must be above 0"
                throw spec.fields[key]?.fail("rope table '\(spec.name)': \(message)") ?? fail(message)
            }
            return d
        }
        func numbers(_ key: String) throws -> [Double]? {
            guard let formula = spec.fields[key] else { return nil }
            let value = try formula.evaluate(scope)
            if value.isNull { return nil }
            let items = (value.array ?? []).compactMap(\.double)
            guard let list = value.array, items.count == list.count else {
                throw formula.fail("rope table '\(spec.name)': \(key) is \(value), not a list of numbers")
            }
            return items
        }

        guard let dimFormula = spec.fields["dim"] else { throw fail("'dim' is missing") }
        let dim = try dimFormula.int(scope, "dim of rope table '\(spec.name)'", in: 2...Limits.rotaryDimensions)
        guard dim % 2 == 0 else { throw spec.oddDimension(dim) }
        let theta = try positive("theta")
        let typeValue = try spec.fields["type"]?.evaluate(scope) ?? .null
        let type = typeValue.isNull ? "plain" : typeValue.string ?? ""
        guard Self.scalings.contains(type) else {
            throw HadalError(
                .unsupported, "rope scaling type \(typeValue) is not known", at: spec.fields["type"]?.place ?? spec.place,
                hint: "known types: \(Self.scalings.joined(separator: ", "))")
        }
        var (scaling, scale, switchLength) = (RopeTable.Scaling.plain, 1.0, 0)
        let attention = try number("attention_factor")
        switch type {
        case "linear": scaling = .linear(factor: try positive("factor"))
        case "ntk_by_parts":
            let (low, high) = (try positive("low_freq_factor", 1), try positive("high_freq_factor", 4))
            guard high > low else { throw fail("high_freq_factor (\(high)) must be above low_freq_factor (\(low))") }
            scaling = .ntkByParts(factor: try positive("factor"), low: low, high: high, original: try positive("original_length"))
        case "yarn":
            let factor = try positive("factor")
            let truncate = try spec.fields["truncate"].map { try $0.evaluate(scope) }.flatMap { $0.isNull ? nil : $0 }
            guard truncate == nil || truncate?.bool != nil else { throw fail("'truncate' is \(truncate ?? .null), not true or false") }
            guard theta != 1 else { throw fail("theta may not be 1") }
            scaling = .yarn(
                factor: factor, betaFast: try positive("beta_fast", 32), betaSlow: try positive("beta_slow", 1),
                original: try positive("original_length"), truncate: truncate?.bool ?? true)
            func g(_ m: Double) -> Double { factor <= 1 ? 1 : 0.1 * m * log(factor) + 1 }
            if let attention {
                scale = attention
            } else if let mscale = try number("mscale"), let all = try number("mscale_all_dim"), mscale != 0, all != 0 {
                scale = g(mscale) / g(all)
            } else {
                scale = g(1)
            }
        case "longrope":
            let original = try positive("original_length")
            let longest = try positive("max_length")
            let ratio = try number("factor") ?? longest / original
            func divisors(_ key: String) throws -> RopeTable.Divisors? {
                if let given = try numbers(key) {
                    guard given.count == dim / 2 else { throw fail("\(key) has \(given.count) numbers; dim / 2 is \(dim / 2)") }
                    return .numbers(given)
                }
                return nil
            }
            let short = try divisors("short_factors") ?? divisorWeight(spec, "short_factors", indices, dim, wanted)
            let long = try divisors("long_factors") ?? divisorWeight(spec, "long_factors", indices, dim, wanted)
            guard let short else { throw fail("'short_factors' is missing") }
            if longest > original {
                guard let long else { throw fail("'long_factors' is missing") }
                guard original < Double(Int32.max) else { throw fail("original_length is \(original)") }
                switchLength = max(1, Int(original))
                scaling = .divided(short: short, long: long)
                scale = attention ?? (ratio <= 1 ? 1 : (1 + log(ratio) / log(original)).squareRoot())
            } else {
                scaling = .divided(short: short, long: nil)
                scale = attention ?? (ratio <= 1 ? 1 : (1 + log(ratio) / log(original)).squareRoot())
            }
        case "dynamic":
            dynamicRope = spec.fields["type"]?.bareName.flatMap { parameters[$0]?.origin } ?? "type of rope table '\(spec.name)'"
        default: break
        }
        if let formula = spec.fields["frequency"] {
            guard type == "plain" else { throw fail("'frequency' goes with type plain, not \(type)") }
            scaling = .given(
                try (0..<dim / 2).map { pair in
                    let value = try formula.evaluate(self.scope(indices.merging([RopeSpec.index: pair]) { $1 }))
                    guard let frequency = value.double, frequency.isFinite else {
                        throw formula.fail("rope table '\(spec.name)': frequency is \(value), not a number")
                    }
                    return frequency
                })
        }
        // Divisors stored beside the weights replace the calculation.
        if let factors = try divisorWeight(spec, "factors", indices, dim, wanted), ["plain", "dynamic", "ntk_by_parts"].contains(type) {
            scaling = .divided(short: factors, long: nil)
        }
        scale *= try number("scale") ?? 1
        guard scale.isFinite else { throw fail("the scale of cos and sin is \(scale)") }
        return RopeTable(name: spec.name, dim: dim, theta: theta, scaling: scaling, scale: scale, switchLength: switchLength)
    }

    /// Divisors held in a tensor, where a field names a weight that is present.
    private func divisorWeight(
        _ spec: RopeSpec, _ key: String, _ indices: [String: Int], _ dim: Int, _ wanted: String
    ) throws -> RopeTable.Divisors? {
        guard let name = spec.fields["\(key)_weight"]?.bareName else { return nil }
        guard let weight = description.weight(name) else {
            throw HadalError(
                .notFound, "rope table '\(spec.name)': no weight '\(name)'", at: spec.place,
                hint: Suggestion.hint(for: name, among: description.weights.map(\.name)))
        }
        guard let resolved = try self.weight(weight, indices, wanted: wanted) else { return nil }
        guard resolved.dims == [dim / 2] else {
            throw HadalError(
                .mismatch, "rope table '\(spec.name)': weight '\(name)' has shape \(resolved.dims), not [\(dim / 2)]",
                at: resolved.recipe.tensors.first?.place)
        }
        return .weight(resolved.recipe)
    }
}
