import ArgumentParser

/// A time on the command line: a number and s, m or h; without one, seconds.
enum DurationOption {
    static func read(_ text: String) throws -> Duration {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text : text.hasSuffix("ms") ? String(text.dropLast(2)) : String(text.dropLast())
        guard let number = Double(digits), number.isFinite, number >= 0, number < 1e9 else {
            throw ValidationError("must be a time such as 30s, 10m or 1h, not '\(text)'.")
        }
        let seconds = text.hasSuffix("ms") ? number / 1000 : number * (unit ?? 1)
        return .milliseconds(Int64((seconds * 1000).rounded()))
    }
}
