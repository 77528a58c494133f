public import HadalCore

extension OptionSpec {
    /// What is wrong with `value` for this option, as the end of a sentence, or nil.
    package func problem(with value: OptionValue) -> String? {
        func range(_ number: Double) -> String? {
            if !number.isFinite { return "is not a finite number" }
            if let minimum, number < minimum { return "is \(number), less than the least, \(minimum)" }
            if let maximum, number > maximum { return "is \(number), more than the most, \(maximum)" }
            return nil
        }
        switch (kind, value) {
        case (.bool, .bool): return nil
        case (.int, .int(let i)): return range(Double(i))
        case (.float, .float(let d)): return range(d)
        case (.string, .string(let s)):
            return choices.isEmpty || choices.contains(s) ? nil : "is '\(s)', not one of \(choices.joined(separator: ", "))"
        default: return "is not of kind \(kind)"
        }
    }
}

extension Backend {
    /// Checks values against the published options.
    ///
    /// - Throws: `.invalidArgument` naming the option and what it takes.
    public func check(options values: [String: OptionValue]) throws {
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            guard let spec = options.first(where: { $0.name == key }) else {
                let known = options.map(\.name).joined(separator: ", ")
                throw HadalError(
                    .invalidArgument, "backend '\(name)' has no option '\(key)'",
                    hint: known.isEmpty ? "it has no options" : "it has: \(known)")
            }
            if let problem = spec.problem(with: value) {
                throw HadalError(.invalidArgument, "option \(name).\(key) \(problem)", hint: spec.help.isEmpty ? nil : spec.help)
            }
        }
    }
}
