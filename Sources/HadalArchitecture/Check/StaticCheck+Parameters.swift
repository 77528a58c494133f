import HadalCore

extension StaticCheck {
    mutating func check(_ spec: ParameterSpec) {
        if let per = spec.per { formula(per, [], .number, "'per' of parameter \(spec.name)", in: 0...Limits.arrayLength) }
        let indices: Set<String> = spec.per == nil ? [] : [spec.index]
        for (formula, what) in [(spec.value, "value"), (spec.fallback, "default"), (spec.null, "null")] {
            guard let formula else { continue }
            check(formula, what, of: spec, indices)
        }
        for item in spec.choices where spec.kinds.map({ ValueType(of: item).excludes($0) }) ?? false {
            report(HadalError(.mismatch, "parameter '\(spec.name)': the choice \(item) is not \(spec.wantedEntry)", at: spec.place))
        }
        if let written = spec.written {
            usedNames.insert(written)
            if description.parameter(written) == nil {
                report(
                    HadalError(
                        .notFound, "parameter '\(spec.name)': no parameter '\(written)'", at: spec.place,
                        hint: Suggestion.hint(for: written, among: description.parameters.map(\.name))))
            }
        }
        if let (name, _) = spec.extent { stored(name, spec, ["layer"]) }
        if let name = spec.element { stored(name, spec, indices) }
    }

    /// A weight that a parameter's value is read from.
    private mutating func stored(_ name: String, _ spec: ParameterSpec, _ indices: Set<String>) {
        usedNames.insert(name)
        guard let weight = description.weight(name) else {
            return report(
                HadalError(
                    .notFound, "parameter '\(spec.name)': no weight '\(name)'", at: spec.place,
                    hint: Suggestion.hint(for: name, among: description.weights.map(\.name))))
        }
        needIndices(of: weight, indices, at: spec.place)
    }

    /// A value that the description itself gives has to pass what a file's has to: type and map, and bounds and choices if it is always
    /// used. A default outside of the bounds is how a family says that a key that its base can do without must be there.
    private mutating func check(_ formula: Formula, _ key: String, of given: ParameterSpec, _ indices: Set<String>) {
        var spec = given
        if key != "value" { (spec.minimum, spec.maximum, spec.choices) = (nil, nil, []) }
        let before = findings.count
        names(formula, indices)
        guard findings.count == before else { return }
        let type = type(of: formula, indices)
        guard findings.count == before else { return }
        let origin = key == "default" ? "default: \(formula.text)" : formula.text
        if let value = constant(formula) {
            let entries = spec.per != nil || spec.isList || spec.kind == .any ? value.array : nil
            reporting { check in
                if spec.isList, entries == nil, !value.isNull { throw spec.mismatch(spec.wanted, value, origin, formula.place) }
                for entry in entries ?? [value] where !entry.isNull { try check.translated(entry, spec, origin, formula.place) }
            }
            return
        }
        var one = type
        // A formula over the index gives one entry at a time.
        if spec.isList || spec.per != nil && !formula.names.contains(spec.index), type.present == .list { one = type.element }
        if let texts = one.texts, one.present == .string, !spec.map.isEmpty, !texts.isEmpty,
            !spec.map.contains(where: { texts.contains($0.from) }),
            let text = texts.sorted().first
        {
            reporting { check in try check.translated(.string(text), spec, origin, formula.place) }
            return
        }
        // A map may turn a text into what is asked for.
        guard let kinds = spec.kinds, spec.map.isEmpty || !one.kinds.contains(.string) else { return }
        if spec.isList, type.excludes(.list) || one.excludes(kinds) {
            report(
                HadalError(
                    .mismatch, "parameter \(spec.name) (\(origin)) must be \(spec.wanted), not \(type.description)", at: formula.place))
        } else if !spec.isList, one.excludes(kinds) {
            report(
                HadalError(
                    .mismatch, "parameter \(spec.name) (\(origin)) must be \(spec.wantedEntry), not \(one.description)", at: formula.place))
        }
    }

    private func translated(_ value: ExpressionValue, _ spec: ParameterSpec, _ origin: String, _ place: SourcePlace) throws {
        do { _ = try spec.checked(value, origin: origin, place: place, family: description.name) } catch let error as HadalError {
            guard let map = spec.mapPlace, map.file != place.file else { throw error }
            throw HadalError(error.code, error.message, at: error.place, hint: error.hint.adding("its 'map' is inherited from \(map)"))
        }
    }

    mutating func checkCycles() {
        var done: Set<String> = []
        var path: [String] = []
        var faults: [HadalError] = []
        func visit(_ spec: ParameterSpec) {
            if done.contains(spec.name) { return }
            if let start = path.firstIndex(of: spec.name) {
                let cycle = (path[start...] + [spec.name]).joined(separator: " -> ")
                faults.append(HadalError(.malformed, "parameters depend on each other: \(cycle)", at: spec.place))
                return
            }
            guard path.count < Limits.parameterDepth else {
                faults.append(
                    HadalError(
                        .limitExceeded, "parameters depend on each other over more than \(Limits.parameterDepth) steps", at: spec.place))
                return
            }
            path.append(spec.name)
            let formulas = [spec.value, spec.fallback, spec.per, spec.null].compactMap { $0 }
            for name in formulas.reduce(into: Set<String>(), { $0.formUnion($1.names) }).sorted() where name != spec.index {
                if let other = description.parameter(name) { visit(other) }
            }
            path.removeLast()
            done.insert(spec.name)
        }
        for spec in description.parameters { visit(spec) }
        for fault in faults { report(fault) }
    }

    mutating func checkVariant(_ variant: ArchitectureDescription.Variant) {
        formula(variant.when, [], .bool, "'when' of variant '\(variant.name)'")
        guard let patch = variant.patch else { return }
        reporting { check in
            // Variants do not nest, so that this ends.
            var inner = StaticCheck(try check.description.patched(with: patch).withoutVariants(), check.catalogue)
            for note in inner.run().warnings { check.note(note) }
            for finding in inner.findings where !check.findings.contains(where: { $0.cause == finding.cause }) {
                check.findings.append(finding)
            }
            check.usedNames.formUnion(inner.usedNames)
            check.usedBlocks.formUnion(inner.usedBlocks)
            check.usedStates.formUnion(inner.usedStates)
            check.usedTables.formUnion(inner.usedTables)
        }
    }

    mutating func checkFacts() {
        let whole = description.document.place(of: description.json)
        if description.graphs.isEmpty {
            // Without 'match' it is there to be extended. With it, models would be recognised that nothing could be made of.
            if !description.matches.isEmpty {
                report(HadalError(.malformed, "there is 'match' but no 'graph': models would be recognised, and not run", at: whole))
            }
            return
        }
        if !description.graphs.contains(where: { $0.name == "main" }) {
            return report(HadalError(.malformed, "there is no 'graph'", at: whole))
        }
        guard let facts = description.facts else {
            return report(HadalError(.malformed, "a description with a graph needs 'model'", at: whole))
        }
        for (fact, key, range) in facts.all { formula(fact, [], .number, key, in: range) }
        if let textLength = facts.textLength { formula(textLength, [], .number, "text_length", in: 1...Limits.extent) }
    }
}
