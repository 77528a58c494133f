import HadalCore

extension StaticCheck {
    private static let extents = 1...(1 << 40)

    mutating func check(_ spec: WeightSpec) {
        for formula in spec.shape { self.formula(formula, indexNames, .number, "shape of weight '\(spec.name)'", in: Self.extents) }
        if let when = spec.when { formula(when, indexNames, .bool, "'when' of weight \(spec.name)") }
        if let optional = spec.optional { formula(optional, indexNames, .bool, "'optional' of weight \(spec.name)") }
        if let tiedWhen = spec.tiedWhen { formula(tiedWhen, indexNames, [.bool, .null], "'tied_when' of weight \(spec.name)") }
        for part in [spec.safetensors, spec.gguf].compactMap({ $0 }) {
            let rank = check(part, spec, indexNames)
            guard let rank, rank != spec.shape.count else { continue }
            report(
                HadalError(
                    .mismatch, "weight '\(spec.name)': its source comes to \(rank) extents, 'shape' has \(spec.shape.count)", at: spec.place
                ))
        }
        guard let tied = spec.tied else { return }
        usedNames.insert(tied)
        guard let target = description.weight(tied) else {
            return report(
                HadalError(
                    .notFound, "weight '\(spec.name)' is tied to '\(tied)', which is not a weight", at: spec.place,
                    hint: Suggestion.hint(for: tied, among: description.weights.map(\.name))))
        }
        guard target.shape.count != spec.shape.count else { return }
        report(
            HadalError(
                .mismatch, "weight '\(spec.name)' has \(spec.shape.count) extents, but is tied to '\(tied)' of \(target.shape.count)",
                at: spec.place))
    }

    /// Weights that are tied to each other, or whose conditions ask for themselves.
    mutating func checkTies() {
        for spec in description.weights {
            var chain = [spec.name]
            while let next = description.weight(chain.last ?? "")?.tied, description.weight(next) != nil {
                guard !chain.contains(next) else {
                    if next == spec.name {
                        report(
                            HadalError(
                                .malformed, "weights are tied to each other: \((chain + [next]).joined(separator: " -> "))", at: spec.place),
                            cause: "tied \(chain.sorted())")
                    }
                    break
                }
                chain.append(next)
            }
            if [spec.when, spec.optional, spec.tiedWhen].contains(where: { $0?.names.contains(spec.name) ?? false }) {
                report(HadalError(.malformed, "the conditions of weight '\(spec.name)' depend on themselves", at: spec.place))
            }
        }
    }

    /// - Returns: the number of extents that the part comes to; nil when its tensors alone say.
    @discardableResult
    private mutating func check(_ part: WeightSpec.Part, _ spec: WeightSpec, _ indices: Set<String>) -> Int? {
        for formula in part.stored ?? [] { self.formula(formula, indices, .number, "shape of weight '\(spec.name)'", in: Self.extents) }
        var rank = part.stored?.count
        switch part.source {
        case .tensor(let patterns, let place): check(patterns, place, indices)
        case .mxfp4(let blocks, let scales, let place): check(blocks + scales, place, indices)
        case .concat(let parts, _, _), .first(let parts, _):
            for inner in parts {
                let found = check(inner, spec, indices)
                rank = rank ?? found
            }
        case .stack(let inner, let index, let count, _):
            formula(count, indices, .number, "'count' of weight '\(spec.name)'", in: 1...Limits.sourceParts)
            let found = check(inner, spec, indices.union([index]))
            rank = rank ?? found.map { $0 + 1 }
        }
        for step in part.steps { rank = check(step, rank, spec, indices) }
        return rank
    }

    /// - Returns: the number of extents after the step.
    private mutating func check(_ step: TransformStep, _ rank: Int?, _ spec: WeightSpec, _ indices: Set<String>) -> Int? {
        let what = "transform of weight '\(spec.name)'"
        let isWhole =
            switch step {
            case .add, .scale: false
            default: true
            }
        for formula in step.formulas { self.formula(formula, indices, .number, what, in: isWhole ? Int.min...Int.max : nil) }
        switch step {
        case .rows(let from, let to), .columns(let from, let to):
            guard let a = constant(from)?.int, let b = constant(to)?.int, a < 0 || b <= a else { return rank }
            report(HadalError(.mismatch, "\(what): [\(a), \(b)] is not a range", at: from.place))
        case .every(let step, _, let axis):
            if let step = constant(step)?.int, step < 1 { report(HadalError(.mismatch, "\(what): a step of \(step)", at: spec.place)) }
            if let rank, axis >= rank { report(HadalError(.mismatch, "\(what): there is no axis \(axis) of \(rank)", at: spec.place)) }
        case .chunk(let count, let index, let axis):
            if let rank, axis >= rank { report(HadalError(.mismatch, "\(what): there is no axis \(axis) of \(rank)", at: spec.place)) }
            if let n = constant(count)?.int, let i = constant(index)?.int, !(0..<max(n, 0)).contains(i) {
                report(HadalError(.mismatch, "\(what): there is no part \(i) of \(n)", at: index.place))
            }
        case .transpose(let axes):
            guard let rank, rank != axes.count else { return axes.count }
            report(HadalError(.mismatch, "\(what): 'transpose' lists \(axes.count) axes, the tensor has \(rank)", at: spec.place))
        case .reshape(let dims):
            for dim in dims { formula(dim, indices, .number, what, in: Self.extents) }
            return dims.count
        case .rotary, .add, .scale, .exponential, .float: break
        }
        return rank
    }

    private mutating func check(_ patterns: [NamePattern], _ place: SourcePlace, _ indices: Set<String>) {
        for pattern in patterns {
            for name in pattern.placeholders.sorted()
            where !indices.contains(name) && !description.aliases.contains(where: { $0.name == name }) {
                usedNames.insert(name)
                if description.parameter(name)?.kinds?.contains(.number) ?? (description.parameter(name) != nil) { continue }
                report(
                    HadalError(
                        .notFound, "'{\(name)}' in \"\(pattern.text)\" is neither an index, an alias nor an integer parameter", at: place,
                        hint: Suggestion.hint(for: name, among: Array(indices) + description.aliases.map(\.name))), cause: "name \(name)")
            }
        }
    }

    mutating func check(_ table: RopeSpec) {
        for (key, formula) in table.fields.sorted(by: { $0.key < $1.key }) {
            let what = "rope table '\(table.name)': \(key)"
            if key.hasSuffix("_weight") {
                let name = formula.bareName ?? formula.text
                usedNames.insert(name)
                if description.weight(name) == nil {
                    report(
                        HadalError(
                            .notFound, "rope table '\(table.name)': no weight '\(name)'", at: formula.place,
                            hint: Suggestion.hint(for: name, among: description.weights.map(\.name))))
                }
                continue
            }
            switch key {
            case "dim": self.formula(formula, indexNames, .number, "dim of rope table '\(table.name)'", in: 2...Limits.rotaryDimensions)
            case "type": self.formula(formula, indexNames, [.string, .null], what)
            case "truncate": self.formula(formula, indexNames, [.bool, .null], what)
            case "frequency": self.formula(formula, indexNames.union([RopeSpec.index]), .number, what)
            case "short_factors", "long_factors": self.formula(formula, indexNames, [.list, .null], what)
            default: self.formula(formula, indexNames, [.number, .null], what)
            }
        }
        if let dim = table.fields["dim"], let number = constant(dim)?.int, number % 2 != 0 { report(table.oddDimension(number)) }
        if let type = table.fields["type"], let value = constant(type), !value.isNull, !BuildContext.scalings.contains(value.string ?? "") {
            report(
                HadalError(
                    .unsupported, "rope scaling type \(value) is not known", at: type.place,
                    hint: "known types: \(BuildContext.scalings.joined(separator: ", "))"))
        }
    }

    mutating func check(_ state: StateSpec) {
        let scope = indexNames.union([state.index])
        if let layers = state.layers { formula(layers, indexNames, .number, "layers of state '\(state.name)'", in: 0...Limits.nodes) }
        let extents = [
            (state.heads, "heads"), (state.key, "key"), (state.value, "value"), (state.width, "width"), (state.rows, "rows"),
        ]
        for (extent, key) in extents + state.shape.map({ ($0, "shape") }) {
            if let extent { formula(extent, scope, .number, "\(key) of state '\(state.name)'", in: 1...Limits.stateExtent) }
        }
    }

    /// Checks that every index that a weight's names and shape ask for counts here.
    ///
    /// - Parameter place: who uses it.
    mutating func needIndices(of spec: WeightSpec, _ indices: Set<String>, at place: SourcePlace) {
        var needed = spec.names
        var chain = [spec.name]
        while let next = description.weight(chain.last ?? "")?.tied, let target = description.weight(next), !chain.contains(next) {
            needed.formUnion(target.names)
            chain.append(next)
        }
        needIndices(needed, indices, "weight '\(spec.name)'", declared: spec.place, at: place)
    }

    mutating func needIndices(_ needed: Set<String>, _ indices: Set<String>, _ what: String, declared: SourcePlace, at place: SourcePlace) {
        for index in needed.intersection(indexNames).subtracting(indices).sorted() {
            let hint = declared.file == place.file ? nil : "\(what) is inherited from \(declared)"
            report(
                HadalError(.notFound, "\(what) needs the index '\(index)', which no 'repeat' counts here", at: place, hint: hint),
                cause: "name \(index)")
        }
    }
}
