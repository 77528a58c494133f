import HadalCore
import HadalFormats

extension BuildContext {
    /// Why a tensor is missing, before it is known whether that matters.
    private struct Missing: Error {
        var names: [String]
    }

    /// Whether a weight exists in this model.
    func isPresent(_ spec: WeightSpec, _ indices: [String: Int]) throws -> Bool {
        try guarded(spec) {
            if let when = spec.when, try !when.bool(scope(indices), "'when' of weight \(spec.name)") { return false }
            let tied = try tie(spec, indices)
            if tied == true { return true }
            if let part = spec.part(for: source.format) {
                let mayMiss = try spec.optional.map { try $0.bool(scope(indices), "'optional' of weight \(spec.name)") } ?? false
                if try found(part, indices, optional: mayMiss) { return true }
            }
            return spec.tied != nil && tied == nil
        }
    }

    /// Whether a weight is tied: true, false, or nil for "when its own tensor is missing".
    private func tie(_ spec: WeightSpec, _ indices: [String: Int]) throws -> Bool? {
        guard spec.tied != nil, let formula = spec.tiedWhen else { return nil }
        if try formula.evaluate(scope(indices)).isNull { return nil }
        return try formula.bool(scope(indices), "'tied_when' of weight \(spec.name)")
    }

    /// Keeps weights whose conditions ask for each other from going round in circles.
    private func guarded<T>(_ spec: WeightSpec, _ body: () throws -> T) throws -> T {
        let mark = "weight \(spec.name)"
        if resolving.contains(mark) {
            throw HadalError(.malformed, "the conditions of weight '\(spec.name)' depend on themselves", at: spec.place)
        }
        guard resolving.count < Limits.parameterDepth else {
            throw HadalError(.limitExceeded, "names depend on each other over more than \(Limits.parameterDepth) steps", at: spec.place)
        }
        resolving.append(mark)
        defer { resolving.removeLast() }
        return try body()
    }

    private func found(_ part: WeightSpec.Part, _ indices: [String: Int], optional: Bool) throws -> Bool {
        switch part.source {
        case .tensor(let patterns, let place):
            if source.inventedTensor("", shape: []) != nil { return !optional }
            return try candidates(patterns, indices, place).contains { try source.tensorInfo($0.name) != nil }
        case .concat(let parts, _, _): return try parts.allSatisfy { try found($0, indices, optional: optional) }
        case .first(let parts, _): return try parts.contains { try found($0, indices, optional: optional) }
        // Packed numbers without their exponents are a fault of the file, not the absence of the weight.
        case .mxfp4(let blocks, _, let place):
            if source.inventedTensor("", shape: []) != nil { return !optional }
            return try candidates(blocks, indices, place).contains { try source.tensorInfo($0.name) != nil }
        case .stack(let inner, let index, let count, _):
            guard try count.int(scope(indices), "'count'") > 0 else { return false }
            return try found(inner, indices.merging([index: 0]) { $1 }, optional: optional)
        }
    }

    /// An extent of the tensor that a weight is stored in; nil when there is none.
    func storedExtent(_ name: String, axis: Int) throws -> Int? {
        guard let spec = description.weight(name), let part = spec.part(for: source.format) else { return nil }
        var parts = [part]
        if case .first(let forms, _) = part.source { parts = forms }
        for case .tensor(let patterns, let place) in parts.map(\.source) {
            for candidate in try candidates(patterns, ["layer": 0], place) {
                if let tensor = try source.tensorInfo(candidate.name), tensor.shape.indices.contains(axis) { return tensor.shape[axis] }
            }
        }
        return nil
    }

    /// The number that a weight of one element holds, or those of all its indices; nil where there is none, or no data.
    func storedElement(_ name: String, _ spec: ParameterSpec) throws -> ExpressionValue? {
        guard let weight = description.weight(name), source.inventedTensor("", shape: []) == nil else { return nil }
        func number(_ indices: [String: Int]) throws -> ExpressionValue? {
            guard let resolved = try self.weight(weight, indices, wanted: "parameter \(spec.name)") else { return nil }
            let floats = try resolved.recipe.materialise(from: source, owner: SourceOwner(source)).floats()
            guard floats.count == 1 else {
                throw HadalError(
                    .mismatch, "parameter \(spec.name): weight '\(name)' has \(floats.count) elements, not one",
                    at: resolved.recipe.tensors.first?.place)
            }
            return .float(Double(floats[0]))
        }
        guard let per = spec.per else { return try number([:]) }
        let count = try per.int(scope(), "'per' of parameter \(spec.name)", in: 0...Limits.arrayLength)
        let entries = try (0..<count).map { try number([spec.index: $0]) }
        return entries.contains { $0 != nil } ? .array(entries.map { $0 ?? .null }) : nil
    }

    private struct Candidate {
        var name: String
        var choices: [String: String]
    }

    /// Tensor names that patterns may stand for, the most likely first.
    private func candidates(_ patterns: [NamePattern], _ indices: [String: Int], _ place: SourcePlace) throws -> [Candidate] {
        var all: [Candidate] = []
        for pattern in patterns {
            var partial = [Candidate(name: "", choices: [:])]
            for piece in pattern.pieces {
                switch piece {
                case .text(let text): for i in partial.indices { partial[i].name += text }
                case .placeholder(let name):
                    if let index = indices[name] {
                        for i in partial.indices { partial[i].name += String(index) }
                    } else if let values = aliases[name] {
                        let chosen = aliasChoice[name]
                        let ordered = chosen.map { first in [first] + values.filter { $0 != first } } ?? values
                        partial = partial.flatMap { candidate in
                            ordered.map { Candidate(name: candidate.name + $0, choices: candidate.choices.merging([name: $0]) { $1 }) }
                        }
                        guard partial.count <= 256 else {
                            throw HadalError(.limitExceeded, "too many spellings of \"\(pattern.text)\"", at: place)
                        }
                    } else if let spec = description.parameter(name), let number = try parameter(spec).value.int {
                        for i in partial.indices { partial[i].name += String(number) }
                    } else {
                        throw HadalError(
                            .notFound, "'{\(name)}' in \"\(pattern.text)\" is neither an index here nor an alias nor an integer parameter",
                            at: place,
                            hint: Suggestion.hint(for: name, among: Array(aliases.keys) + indices.keys))
                    }
                }
            }
            all += partial
        }
        return all
    }

    /// Finds, checks and remembers a weight; nil when it is rightly absent.
    ///
    /// - Parameter wanted: the node that asks for it.
    func weight(_ spec: WeightSpec, _ indices: [String: Int], wanted: String) throws -> ResolvedWeight? {
        let used = spec.names
        let key = spec.name + indices.filter { used.contains($0.key) }.sorted { $0.key < $1.key }.map { ".\($0.value)" }.joined()
        if let known = weights[key] { return known }
        let found = try resolve(spec, indices, key: key, wanted: wanted)
        weights[key] = found
        return found
    }

    private func resolve(_ spec: WeightSpec, _ indices: [String: Int], key: String, wanted: String) throws -> ResolvedWeight? {
        let scope = scope(indices)
        if let when = spec.when, try !when.bool(scope, "'when' of weight \(spec.name)") { return nil }
        let tie = try tie(spec, indices)
        if let tied = spec.tied, tie == true {
            // The file may hold a copy all the same.
            if let part = spec.part(for: source.format) { _ = try? recipe(part, spec, indices, wanted: nil) }
            return try follow(tied, spec, indices, wanted: wanted)
        }
        guard let part = spec.part(for: source.format) else {
            if let tied = spec.tied, tie == nil { return try follow(tied, spec, indices, wanted: wanted) }
            if let optional = spec.optional, try optional.bool(scope, "'optional' of weight \(spec.name)") { return nil }
            throw HadalError(
                .unsupported, "\(wanted): weight '\(spec.name)' has no source for \(source.format.rawValue) files", at: spec.place)
        }
        let mayMiss = try spec.optional.map { try $0.bool(scope, "'optional' of weight \(spec.name)") } ?? false
        if mayMiss || (spec.tied != nil && tie == nil), try !found(part, indices, optional: true) {
            if let tied = spec.tied, tie == nil { return try follow(tied, spec, indices, wanted: wanted) }
            return nil
        }
        let recipe: WeightRecipe
        let dims = try extents(spec.shape, spec, scope)
        do { recipe = try self.recipe(part, spec, indices, wanted: dims) } catch let missing as Missing {
            let others = missing.names.dropFirst().prefix(3).map { "'\($0)'" }.joined(separator: ", ")
            throw HadalError(
                .notFound, "tensor '\(missing.names.first ?? "?")' is missing; \(wanted) requires it", at: SourcePlace(source.name),
                hint: "weight '\(spec.name)' of \(description.name)" + (others.isEmpty ? "" : "; also looked for \(others)")
                    + (source.missingTensorHint.map { "; \($0)" } ?? ""))
        }
        let result: WeightRecipe.Shape
        do { result = try recipe.shape() } catch let error as HadalError {
            throw HadalError(error.code, "weight '\(spec.name)': \(error.message)", at: error.place, hint: error.hint)
        }
        guard result.dims == dims else {
            let tensor = recipe.tensors.first
            let what = recipe.plainTensor == nil ? "\(recipe.summary) comes to shape" : "tensor '\(tensor?.name ?? "?")' has shape"
            throw HadalError(
                .mismatch,
                "\(what) \(result.dims); weight '\(spec.name)' requires \(dims) ([\(spec.shape.map(\.text).joined(separator: ", "))])",
                at: tensor?.place)
        }
        return ResolvedWeight(name: key, recipe: recipe, dtype: result.dtype, dims: dims)
    }

    private func follow(_ tied: String, _ spec: WeightSpec, _ indices: [String: Int], wanted: String) throws -> ResolvedWeight? {
        guard let target = description.weight(tied) else {
            throw HadalError(
                .notFound, "weight '\(spec.name)' is tied to '\(tied)', which is not a weight", at: spec.place,
                hint: Suggestion.hint(for: tied, among: description.weights.map(\.name)))
        }
        return try guarded(spec) {
            guard let weight = try weight(target, indices, wanted: wanted) else { return nil }
            let dims = try extents(spec.shape, spec, scope(indices))
            guard weight.dims == dims else {
                throw HadalError(
                    .mismatch, "weight '\(spec.name)' requires \(dims), but is tied to '\(tied)' of \(weight.dims)", at: spec.place)
            }
            return weight
        }
    }

    private func extents(_ formulas: [Formula], _ spec: WeightSpec, _ scope: Scope) throws -> [Int] {
        let dims = try formulas.map { try $0.int(scope, "shape of weight '\(spec.name)'", in: 1...(1 << 40)) }
        guard WeightRecipe.product(dims) != nil else {
            throw HadalError(.limitExceeded, "weight '\(spec.name)' of shape \(dims) is too large", at: spec.place)
        }
        return dims
    }

    /// - Parameter wanted: the shape of the result, where that is known.
    /// - Throws: `Missing` when a tensor is not there.
    private func recipe(
        _ part: WeightSpec.Part, _ spec: WeightSpec, _ indices: [String: Int], wanted: [Int]?
    ) throws -> WeightRecipe {
        let scope = scope(indices)
        let stored = try part.stored.map { try extents($0, spec, scope) }
        var recipe: WeightRecipe
        switch part.source {
        case .tensor(let patterns, let place):
            recipe = try tensor(candidates(patterns, indices, place), shape: stored ?? (part.steps.isEmpty ? wanted : nil))
        case .concat(let parts, let axis, _):
            recipe = .concat(try parts.map { try self.recipe($0, spec, indices, wanted: nil) }, axis: axis)
        case .stack(let inner, let index, let count, _):
            let n = try count.int(scope, "'count' of weight '\(spec.name)'", in: 1...Limits.sourceParts)
            let one = (stored ?? (part.steps.isEmpty ? wanted : nil)).map { Array($0.dropFirst()) }
            recipe = .stack(try (0..<n).map { try self.recipe(inner, spec, indices.merging([index: $0]) { $1 }, wanted: one) })
        case .first(let parts, _):
            guard let chosen = try parts.first(where: { try found($0, indices, optional: false) }) else {
                throw Missing(names: try parts.flatMap { try missingNames($0, indices) })
            }
            recipe = try self.recipe(chosen, spec, indices, wanted: part.steps.isEmpty ? wanted : nil)
        case .mxfp4(let blocks, let scales, let place):
            if source.inventedTensor("", shape: []) != nil {
                recipe = try tensor(candidates(blocks, indices, place), shape: stored ?? (part.steps.isEmpty ? wanted : nil))
            } else {
                recipe = .mxfp4(
                    blocks: try tensor(candidates(blocks, indices, place), shape: nil),
                    scales: try tensor(candidates(scales, indices, place), shape: nil))
            }
        }
        if let stored {
            let found = try recipe.shape().dims
            guard found == stored else {
                let texts = part.stored?.map(\.text).joined(separator: ", ") ?? ""
                var what = "tensor '\(recipe.tensors.first?.name ?? "?")' has shape"
                if case .mxfp4 = recipe { what = "\(recipe.summary) comes to shape" }
                throw HadalError(
                    .mismatch, "\(what) \(found); weight '\(spec.name)' requires \(stored) ([\(texts)])",
                    at: recipe.tensors.first?.place)
            }
        }
        for step in part.steps { recipe = try apply(step, to: recipe, spec, scope) }
        return recipe
    }

    /// The most likely name of each tensor that a source looks for.
    private func missingNames(_ part: WeightSpec.Part, _ indices: [String: Int]) throws -> [String] {
        switch part.source {
        case .tensor(let patterns, let place), .mxfp4(let patterns, _, let place):
            return try candidates(patterns, indices, place).first.map { [$0.name] } ?? []
        case .concat(let parts, _, _), .first(let parts, _): return try parts.flatMap { try missingNames($0, indices) }
        case .stack(let inner, let index, _, _): return try missingNames(inner, indices.merging([index: 0]) { $1 })
        }
    }

    private func tensor(_ candidates: [Candidate], shape: [Int]?) throws -> WeightRecipe {
        for candidate in candidates {
            guard let tensor = try source.tensorInfo(candidate.name) else { continue }
            for (name, value) in candidate.choices { aliasChoice[name] = value }
            usedTensors.insert(ExactString(candidate.name))
            let recipe = try scaled(tensor)
            // GGUF files do not tell a vector from a matrix of one row.
            if source.format == .gguf, let shape, tensor.shape != shape,
                tensor.shape.drop(while: { $0 == 1 }) == shape.drop(while: { $0 == 1 })
            {
                return .reshape(recipe, dims: shape)
            }
            return recipe
        }
        if let first = candidates.first {
            // Parts of one tensor are parts of one made-up tensor.
            if let known = inventedTensors[first.name] { return .tensor(known) }
            if let shape, let tensor = source.inventedTensor(first.name, shape: shape) {
                inventedTensors[first.name] = tensor
                return .tensor(tensor)
            }
            if source.inventedTensor(first.name, shape: []) != nil {
                throw HadalError(
                    .unsupported, "the shape of tensor '\(first.name)' cannot be determined from what is made of it",
                    hint: "declare it with 'stored' in the description")
            }
        }
        throw Missing(names: candidates.map(\.name))
    }

    private func apply(_ step: TransformStep, to recipe: WeightRecipe, _ spec: WeightSpec, _ scope: Scope) throws -> WeightRecipe {
        let what = "transform of weight '\(spec.name)'"
        switch step {
        case .rows(let from, let to):
            return recipe.sliced(axis: 0, from: try from.int(scope, what), to: try to.int(scope, what))
        case .columns(let from, let to):
            let last = try recipe.shape().dims.count - 1
            return .slice(recipe, axis: last, from: try from.int(scope, what), to: try to.int(scope, what))
        case .every(let step, let from, let axis):
            let (from, step) = (try from.int(scope, what), try step.int(scope, what))
            // Whole rows of blocks are picked before they are put together, which is half the work for half the rows.
            if case .mxfp4(let blocks, let scales) = recipe, axis < (try recipe.shape().dims.count) - 1 {
                return .mxfp4(
                    blocks: .every(blocks, axis: axis, from: from, step: step), scales: .every(scales, axis: axis, from: from, step: step))
            }
            return .every(recipe, axis: axis, from: from, step: step)
        case .chunk(let count, let index, let axis):
            let dims = try recipe.shape().dims
            let (count, index) = (try count.int(scope, what, in: 1...Limits.sourceParts), try index.int(scope, what))
            guard dims.indices.contains(axis), dims[axis] % count == 0, (0..<count).contains(index) else {
                throw WeightRecipe.fail("has no part \(index) of \(count) equal ones on axis \(axis)", recipe, try recipe.shape())
            }
            let width = dims[axis] / count
            return recipe.sliced(axis: axis, from: index * width, to: (index + 1) * width)
        case .transpose(let axes): return .transpose(recipe, axes: axes)
        case .reshape(let dims): return recipe.reshaped(to: try dims.map { try $0.int(scope, what, in: 1...(1 << 40)) })
        case .rotary(let heads, let dim, let offset, let toHalf):
            return .rotary(
                recipe, heads: try heads.int(scope, what), dim: try dim.int(scope, what), offset: try offset.int(scope, what),
                toHalf: toHalf)
        case .add(let amount): return .affine(recipe, multiply: 1, add: try amount.double(scope, what))
        case .scale(let factor): return .affine(recipe, multiply: try factor.double(scope, what), add: 0)
        case .exponential: return .exponential(recipe)
        case .float: return .float(recipe)
        }
    }
}
