import HadalCore

/// A weight as a description names it: which tensors it is made of in each file format, and its shape.
struct WeightSpec: Sendable {
    /// How the weight is made from stored tensors.
    indirect enum Source: Sendable {
        /// One tensor; patterns tried in order.
        case tensor([NamePattern], place: SourcePlace)
        case concat([Part], axis: Int, place: SourcePlace)
        /// One part for each value of an index, stacked along a new first axis.
        case stack(Part, index: String, count: Formula, place: SourcePlace)
        /// The first part whose tensors the model has.
        case first([Part], place: SourcePlace)
        /// MXFP4 held in two tensors: 16 bytes of packed neighbours for each block, and one exponent for each.
        case mxfp4(blocks: [NamePattern], scales: [NamePattern], place: SourcePlace)
    }

    /// A source, the shape it must have, and what is done to it.
    struct Part: Sendable {
        var source: Source
        var stored: [Formula]?
        var steps: [TransformStep]
    }

    var name: String
    var shape: [Formula]
    var safetensors: Part?
    var gguf: Part?
    /// False: the weight does not exist, whatever the file holds.
    var when: Formula?
    /// Whether it may be absent.
    var optional: Formula?
    var tied: String?
    /// When it is tied; absent: when its own tensor is missing.
    var tiedWhen: Formula?
    /// An entry of `sources`: more ways in which it may be stored.
    var named: String?
    var help: String
    var place: SourcePlace

    /// Whether some checkpoints hold it in MXFP4.
    var readsMXFP4: Bool { safetensors?.readsMXFP4 ?? false }

    func part(for format: ModelFormat) -> Part? { format == .gguf ? gguf : safetensors }

    /// Every name that its formulas and patterns use.
    var names: Set<String> {
        var found: Set<String> = []
        for formula in shape + [when, optional, tiedWhen].compactMap({ $0 }) { found.formUnion(formula.names) }
        for part in [safetensors, gguf].compactMap({ $0 }) { found.formUnion(part.names) }
        return found
    }
}

extension WeightSpec.Part {
    var names: Set<String> {
        var found: Set<String> = []
        for formula in stored ?? [] { found.formUnion(formula.names) }
        for step in steps { for formula in step.formulas { found.formUnion(formula.names) } }
        switch source {
        case .tensor(let patterns, _): for pattern in patterns { found.formUnion(pattern.placeholders) }
        case .concat(let parts, _, _), .first(let parts, _): for part in parts { found.formUnion(part.names) }
        case .mxfp4(let blocks, let scales, _): for pattern in blocks + scales { found.formUnion(pattern.placeholders) }
        case .stack(let part, let index, let count, _):
            var inner = part.names
            inner.remove(index)
            found.formUnion(inner)
            found.formUnion(count.names)
        }
        return found
    }

    /// The same part, with its stored shape said where no step changes it: a model that is only planned has no other source of it.
    func stored(as shape: [Formula]) -> Self {
        guard stored == nil, !steps.isEmpty, case .tensor = source, steps.allSatisfy(\.keepsShape) else { return self }
        var copy = self
        copy.stored = shape
        return copy
    }

    var readsMXFP4: Bool {
        switch source {
        case .mxfp4: true
        case .tensor: false
        case .concat(let parts, _, _), .first(let parts, _): parts.contains(where: \.readsMXFP4)
        case .stack(let part, _, _, _): part.readsMXFP4
        }
    }

    /// Whether the stored tensor is used as it is.
    var isPlain: Bool {
        if case .tensor = source { return steps.isEmpty }
        return false
    }
}

extension WeightSpec {
    init(name: String, _ json: JSON, in document: JSONDocument) throws {
        self.name = name
        place = document.place(of: json)
        var fields = try JSONFields(json, in: document, what: "weight '\(name)'")
        shape = try fields.array("shape").map { try Formula($0, in: document) }
        guard !shape.isEmpty, shape.count <= 4 else { throw fields.fail("'shape' has 1 to 4 extents", at: json["shape"]) }
        let (what, shape) = (fields.what, shape)
        safetensors = try fields.optional("safetensors").map { try Part($0, in: document, what: what, depth: 0).stored(as: shape) }
        gguf = try fields.optional("gguf").map { try Part($0, in: document, what: what, depth: 0).stored(as: shape) }
        when = try fields.optional("when").map { try Formula($0, in: document) }
        optional = try fields.optional("optional").map { try Formula($0, in: document) }
        tied = try fields.optionalString("tied")
        tiedWhen = try fields.optional("tied_when").map { try Formula($0, in: document) }
        named = try fields.optionalString("source")
        help = try fields.optionalString("help") ?? ""
        try fields.finish()
        guard safetensors != nil || gguf != nil || tied != nil || named != nil else {
            throw fields.fail("needs 'safetensors', 'gguf' or 'source'")
        }
        if tiedWhen != nil, tied == nil { throw fields.fail("'tied_when' needs 'tied'") }
    }

    /// The same weight, which may also be stored in the ways that `named` lists; its own come first.
    func stored(also named: NamedSource) -> Self {
        func joined(_ own: Part?, _ others: [Part]) -> Part? {
            guard let first = own ?? others.first else { return nil }
            guard !others.isEmpty, own != nil || others.count > 1 else { return first }
            return Part(source: .first((own.map { [$0] } ?? []) + others, place: place), stored: nil, steps: [])
        }
        var copy = self
        copy.safetensors = joined(safetensors, named.safetensors.map { $0.stored(as: shape) })
        copy.gguf = joined(gguf, named.gguf.map { $0.stored(as: shape) })
        return copy
    }
}

extension WeightSpec.Part {
    init(_ json: JSON, in document: JSONDocument, what: String, depth: Int) throws {
        guard depth < 6 else { throw HadalError(.limitExceeded, "\(what): sources nested too deeply", at: document.place(of: json)) }
        if json.object == nil {
            source = .tensor(try Self.patterns(json, in: document, what: what), place: document.place(of: json))
            steps = []
            return
        }
        var fields = try JSONFields(json, in: document, what: "source of \(what)")
        let place = document.place(of: json)
        let name = fields.optional("name")
        let concat = try fields.optionalArray("concat")
        let axis = try fields.optionalInt("axis")
        let stack = fields.optional("stack")
        let index = try fields.optionalString("index")
        let count = try fields.optional("count").map { try Formula($0, in: document) }
        let first = try fields.optionalArray("first")
        let mxfp4 = fields.optional("mxfp4")
        stored = try fields.optionalArray("stored").map { try $0.map { try Formula($0, in: document) } }
        steps = try (fields.optionalArray("transform") ?? []).map { try TransformStep($0, in: document, what: what) }
        try fields.finish()
        guard [name != nil, concat != nil, stack != nil, first != nil, mxfp4 != nil].filter({ $0 }).count == 1 else {
            throw fields.fail("needs exactly one of 'name', 'concat', 'stack', 'first' and 'mxfp4'")
        }
        guard axis == nil || concat != nil else { throw fields.fail("'axis' belongs to 'concat'") }
        guard (index == nil && count == nil) || stack != nil else { throw fields.fail("'index' and 'count' belong to 'stack'") }
        if let name {
            source = .tensor(try Self.patterns(name, in: document, what: what), place: document.place(of: name))
        } else if let concat {
            guard !concat.isEmpty, concat.count <= 64 else { throw fields.fail("'concat' joins 1 to 64 parts") }
            guard (0..<4).contains(axis ?? 0) else { throw fields.fail("'axis' is 0 to 3", at: json["axis"]) }
            let parts = try concat.map { try Self($0, in: document, what: what, depth: depth + 1) }
            source = .concat(parts, axis: axis ?? 0, place: place)
        } else if let stack {
            guard let count else { throw fields.fail("'stack' needs 'count'") }
            source = .stack(
                try Self(stack, in: document, what: what, depth: depth + 1), index: index ?? "expert", count: count, place: place)
        } else if let first {
            guard !first.isEmpty, first.count <= 16 else { throw fields.fail("'first' lists 1 to 16 sources") }
            source = .first(try first.map { try Self($0, in: document, what: what, depth: depth + 1) }, place: place)
        } else if let mxfp4 {
            var inner = try JSONFields(mxfp4, in: document, what: "'mxfp4' of \(what)")
            let blocks = try Self.patterns(inner.required("blocks"), in: document, what: what)
            let scales = try Self.patterns(inner.required("scales"), in: document, what: what)
            try inner.finish()
            source = .mxfp4(blocks: blocks, scales: scales, place: place)
        } else {
            throw fields.fail("needs 'name'")
        }
    }

    static func patterns(_ json: JSON, in document: JSONDocument, what: String) throws -> [NamePattern] {
        let items = json.array ?? [json]
        guard !items.isEmpty, items.count <= 16 else {
            throw HadalError(.malformed, "\(what): requires 1 to 16 tensor names", at: document.place(of: json))
        }
        return try items.map { try NamePattern($0, in: document, what: what) }
    }
}
