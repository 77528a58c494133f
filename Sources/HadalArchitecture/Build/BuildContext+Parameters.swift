import HadalCore

extension BuildContext {
    func parameter(_ spec: ParameterSpec) throws -> ResolvedParameter {
        if let known = parameters[spec.name] { return known }
        if let start = resolving.firstIndex(of: spec.name) {
            let cycle = (resolving[start...] + [spec.name]).joined(separator: " -> ")
            throw HadalError(.malformed, "parameters depend on each other: \(cycle)", at: spec.place)
        }
        guard resolving.count < Limits.parameterDepth else {
            throw HadalError(
                .limitExceeded, "parameters depend on each other over more than \(Limits.parameterDepth) steps", at: spec.place)
        }
        resolving.append(spec.name)
        defer { resolving.removeLast() }
        let (value, origin, place) = try find(spec)
        let checked = try check(value, spec, origin: origin, place: place ?? spec.place)
        let resolved = ResolvedParameter(name: spec.name, value: checked, origin: origin, help: spec.help)
        parameters[spec.name] = resolved
        return resolved
    }

    /// The raw value, what it came from, and where that stands.
    private func find(_ spec: ParameterSpec) throws -> (ExpressionValue, String, SourcePlace?) {
        readPaths.formUnion(spec.config.map(configPath))
        readKeys.formUnion(spec.gguf.map { Self.replaceArch($0, arch) })
        if let formula = spec.value { return (try evaluate(formula, spec), formula.text, formula.place) }
        if source.format == .safetensors || source.configuration != nil {
            for path in spec.config.map(configPath) {
                if spec.per != nil, path.contains("{\(spec.index)}") {
                    guard let entries = try configEntries(path, spec) else { continue }
                    return (entries, "config.json \(path)", source.configuration.map { SourcePlace($0.file) })
                }
                if let null = spec.null, configSaysNull(path) { return (try evaluate(null, spec), "config.json \(path)", null.place) }
                guard let json = config(path) else {
                    if let (part, value) = configObstacle(path) {
                        throw HadalError(
                            .mismatch, "\(part) is \(value.kindName), not an object (parameter \(spec.name))",
                            at: source.configuration?.place(of: value))
                    }
                    continue
                }
                let place = source.configuration?.place(of: json)
                guard let value = ExpressionValue(json) else {
                    throw HadalError(
                        .mismatch, "\(path) (parameter \(spec.name)) is an object, not \(spec.wanted)", at: place)
                }
                return (value, "config.json \(path)", place)
            }
        }
        if source.format == .gguf {
            for pattern in spec.gguf {
                let key = Self.replaceArch(pattern, arch)
                guard let value = source.metadataValue(key) else { continue }
                return (value, key, SourcePlace(source.name, .field(key)))
            }
        }
        if let (weight, axis) = spec.extent, let extent = try storedExtent(weight, axis: axis) {
            return (.int(extent), "extent \(axis) of \(weight)", nil)
        }
        if let name = spec.element, let value = try storedElement(name, spec) { return (value, "element of \(name)", spec.place) }
        if let formula = spec.fallback { return (try evaluate(formula, spec), "default: \(formula.text)", formula.place) }
        throw missing(spec)
    }

    /// The values at a path with the index in it, null for those that are not there; nil where none is.
    private func configEntries(_ path: String, _ spec: ParameterSpec) throws -> ExpressionValue? {
        let count = try spec.per?.int(scope(), "'per' of parameter \(spec.name)", in: 0...Limits.arrayLength) ?? 0
        let entries = try (0..<count).map { number -> ExpressionValue in
            let own = path.split(separator: ".", omittingEmptySubsequences: false)
                .map { $0 == "{\(spec.index)}" ? String(number) : String($0) }.joined(separator: ".")
            readPaths.insert(own)
            guard let json = config(own) else { return .null }
            guard let value = ExpressionValue(json), value.array == nil else {
                throw HadalError(
                    .mismatch, "\(own) (parameter \(spec.name)) is \(json.kindName), not \(spec.wantedEntry)",
                    at: source.configuration?.place(of: json))
            }
            return value
        }
        return entries.contains { !$0.isNull } ? .array(entries) : nil
    }

    private func missing(_ spec: ParameterSpec) -> HadalError {
        let wanted = spec.help.isEmpty ? "parameter \(spec.name)" : "parameter \(spec.name): \(spec.help)"
        if source.format == .gguf {
            guard let key = spec.gguf.first.map({ Self.replaceArch($0, arch) }) else {
                return HadalError(
                    .unsupported, "\(description.name) has no GGUF source for parameter \(spec.name)", at: SourcePlace(source.name),
                    hint: wanted)
            }
            return HadalError(.notFound, "metadata key '\(key)' is missing", at: SourcePlace(source.name), hint: wanted)
        }
        let file = source.configuration.map { SourcePlace($0.file) } ?? SourcePlace(source.name)
        guard let key = spec.config.first.map(configPath) else {
            return HadalError(
                .unsupported, "\(description.name) has no config.json source for parameter \(spec.name)", at: file, hint: wanted)
        }
        return HadalError(.notFound, "key '\(key)' is missing", at: file, hint: wanted)
    }

    static func replaceArch(_ pattern: String, _ arch: String?) -> String {
        guard let open = pattern.firstRange(of: "{arch}") else { return pattern }
        return pattern[..<open.lowerBound] + (arch ?? "") + pattern[open.upperBound...]
    }

    private func evaluate(_ formula: Formula, _ spec: ParameterSpec) throws -> ExpressionValue {
        guard let per = spec.per else { return try formula.evaluate(scope()) }
        let count = try per.int(scope(), "'per' of parameter \(spec.name)", in: 0...Limits.arrayLength)
        // An expression that does not depend on the index may give the whole list at once.
        if !formula.names.contains(spec.index) {
            let value = try formula.evaluate(scope())
            return value.array == nil && !value.isNull ? .array(Array(repeating: value, count: count)) : value
        }
        return .array(try (0..<count).map { try formula.evaluate(scope([spec.index: $0])) })
    }

    private func check(_ value: ExpressionValue, _ spec: ParameterSpec, origin: String, place: SourcePlace) throws -> ExpressionValue {
        // Only a default or a derivation can say null; files that say null are passed over.
        if value.isNull { return .null }
        func one(_ value: ExpressionValue) throws -> ExpressionValue {
            try spec.checked(value, origin: origin, place: place, family: description.name)
        }
        if let per = spec.per {
            let count = try per.int(scope(), "'per' of parameter \(spec.name)", in: 0...Limits.arrayLength)
            guard let items = value.array else { return .array(Array(repeating: try one(value), count: count)) }
            guard items.count == count else {
                throw HadalError(
                    .mismatch, "parameter \(spec.name) (\(origin)) has \(items.count) entries; \(per.text) is \(count)", at: place)
            }
            return .array(try items.map { $0.isNull ? .null : try one($0) })
        }
        if spec.isList {
            guard let items = value.array, items.count <= Limits.arrayLength else { throw spec.mismatch(spec.wanted, value, origin, place) }
            return .array(try items.map(one))
        }
        // One value for every layer may be written once for each.
        if spec.kind != .any, let items = value.array, let first = items.first {
            guard items.allSatisfy({ $0 == first }) else {
                throw HadalError(
                    .unsupported,
                    "parameter \(spec.name) (\(origin)) differs between layers, which \(description.name) does not cover: \(value)",
                    at: place)
            }
            return try one(first)
        }
        if spec.kind == .any, spec.alternatives.isEmpty, let items = value.array {
            guard items.count <= Limits.arrayLength else { throw spec.mismatch("a shorter list", value, origin, place) }
            return .array(try items.map(one))
        }
        return try one(value)
    }

    /// Resolves every parameter, then checks the description's requirements.
    func resolveParameters() throws {
        for spec in description.parameters { _ = try parameter(spec) }
        for requirement in description.require {
            guard try requirement.condition.bool(scope(), "requirement") else {
                let values = requirement.condition.names.sorted().compactMap { name in
                    parameters[name].map { "\(name) is \($0.value), from \($0.origin)" }
                }.joined(separator: "; ")
                let message = requirement.message ?? "\(description.name) requires \(requirement.condition.text)"
                let place = source.configuration.map { SourcePlace($0.file) } ?? SourcePlace(source.name)
                throw HadalError(.unsupported, message + (values.isEmpty ? "" : " (\(values))"), at: place)
            }
        }
    }
}
