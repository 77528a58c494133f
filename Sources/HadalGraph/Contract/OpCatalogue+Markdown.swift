import HadalCore

extension OpCatalogue {
    /// The catalogue as a page of Markdown: `docs/ops.md`.
    package var markdown: String {
        let names = contracts.keys.sorted()
        var page = """
            # Ops

            Every op that a graph may use. This page is made from the contracts, `kernels/ops/<op>/op.json`. An op is defined by
            the expression that its section gives, or else by the reference backend's `Plugins/Reference/Ops`. Upper-case names are
            extents. Matrices are row-major, the last dimension contiguous; values are f32 unless stated, weights of any type that
            can be decoded. *Tolerance* is how far a backend may lie from the reference: `|a - b| <= absolute + relative * |b|`,
            and, where weights are quantised, the root mean square of the error over that of the outputs.

            | op | inputs | attributes | state | tolerance | source |
            |---|---|---|---|---|---|

            """
        for name in names {
            guard let contract = contracts[name] else { continue }
            let inputs = contract.inputs.map { "`\($0.name)`\($0.optional ? "?" : "")\($0.variadic ? "…" : "")" }.joined(separator: ", ")
            let attributes = contract.attributes.map { "`\($0.name)`" }.joined(separator: ", ")
            let states = contract.states.map { "`\($0.name)`" }.joined(separator: ", ")
            page += "| [\(name)](#\(name)) | \(inputs) | \(attributes) | \(states) | \(contract.tolerance.text) | \(contract.source) |\n"
        }
        for name in names { if let contract = contracts[name] { page += "\n" + contract.markdown } }
        return page.split(separator: "\n", omittingEmptySubsequences: false).flatMap { Self.wrapped($0) }.joined(separator: "\n")
    }

    /// A paragraph or an item of a list in lines of at most 120 characters; rows of tables as they are.
    private static func wrapped(_ line: Substring) -> [String] {
        guard line.count > 120, !line.hasPrefix("|") else { return [String(line)] }
        let indent = line.hasPrefix("- ") ? "  " : ""
        var lines = [""]
        for word in line.split(separator: " ") {
            let last = lines[lines.count - 1]
            // No line begins with what would begin a list or a heading.
            let stays = ["-", "+", "*", "#", ">"].contains(word)
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if stays || last.count + 1 + word.count <= 120 {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append(indent + word)
            }
        }
        return lines
    }
}

extension OpCatalogue {
    /// A line for each op: the table of `docs/architectures.md`.
    package var summaryTable: String {
        func list(_ items: [String], _ separator: String = ", ") -> String { items.isEmpty ? "-" : items.joined(separator: separator) }
        func operand(_ input: OpContract.Input) -> String {
            "`\(input.name)` \(OpContract.shape(input.dims))\(input.optional ? " (optional)" : "")\(input.variadic ? " (any number)" : "")"
        }
        func attribute(_ spec: OpContract.AttributeSpec) -> String {
            let choices = spec.choices.isEmpty ? "" : " (\(spec.choices.joined(separator: ", ")))"
            return
                "`\(spec.name)` \(spec.kind.rawValue)\(choices)\(spec.defaultValue.map { " = \($0.string ?? $0.expressionValue.description)" } ?? "")"
        }
        var table = "| op | what it does | values in | weights | attributes | values out |\n|---|---|---|---|---|---|\n"
        for contract in contracts.values.sorted(by: { $0.name < $1.name }) {
            let values = contract.inputs.filter { $0.kind == .value }.map(operand),
                weights = contract.inputs.filter { $0.kind == .weight }.map(operand)
            let outputs = contract.outputs.map { "`\($0.name)` \(OpContract.shape($0.dims))" }
            table += "| `\(contract.name)` | \(contract.summary) | \(list(values)) | \(list(weights)) | "
            table += "\(list(contract.attributes.map(attribute), "; ")) | \(list(outputs)) |\n"
        }
        return table
    }
}

extension OpContract.Tolerance {
    var text: String {
        let plain = absolute == 0 && relative == 0 ? "exact" : "\(absolute) + \(relative)"
        return quantised > 0 ? "\(plain), quantised \(quantised)" : plain
    }
}

extension OpContract {
    fileprivate static func shape(_ dims: [Expression]) -> String { "[" + dims.map(\.text).joined(separator: ", ") + "]" }

    /// The op's own section.
    var markdown: String {
        func number(_ value: Double) -> String { Int(exactly: value).map { "\($0)" } ?? "\(value)" }
        func line(_ name: String, _ facts: [String], _ help: String) -> String {
            "- `\(name)` \(facts.joined(separator: ", "))\(help.isEmpty ? "" : ": \(help)")\n"
        }
        var text = "## \(name)\n\n\(summary)\n\n"
        for input in inputs {
            var facts = [input.kind.rawValue, "`\(Self.shape(input.dims))`"]
            if !input.dtypes.isEmpty, input.dtypes != [.f32] || input.kind == .weight {
                facts.append(input.dtypes.map(\.name).joined(separator: " "))
            }
            if input.optional { facts.append("optional") }
            if input.variadic { facts.append("any number of them") }
            text += line(input.name, facts, input.help)
        }
        for output in outputs {
            var facts = ["output", "`\(Self.shape(output.dims))`"]
            if output.dtype != .f32 { facts.append(output.dtype.name) }
            if let count = output.count { facts.append("`\(count.text)` of them") }
            text += line(output.name, facts, output.help)
        }
        for state in states {
            let isCache = state.kind == .tokens
            let dims = ((isCache || state.kind == .recurrent ? [state.heads] : []) + (state.rows.map { [$0] } ?? []) + [state.width])
            let shape = "`[\(dims.map(\.text).joined(separator: ", "))]`"
            let types = isCache ? state.dtypes.map(\.name).joined(separator: " ") : DType.f32.name
            text += line(
                state.name, [isCache ? "state" : "\(state.kind.rawValue) state", isCache ? "\(shape) a token" : shape, types], state.help)
        }
        for attribute in attributes {
            var facts = ["attribute", attribute.kind.rawValue]
            if !attribute.choices.isEmpty { facts.append(attribute.choices.joined(separator: " ")) }
            if let minimum = attribute.minimum { facts.append("at least \(number(minimum))") }
            if let maximum = attribute.maximum { facts.append("at most \(number(maximum))") }
            facts.append(attribute.defaultValue.map { "default `\($0.expressionValue)`" } ?? "required")
            text += line(attribute.name, facts, attribute.help)
        }
        if case .expressions(let expressions)? = reference {
            text +=
                "\nDefined as "
                + outputs.compactMap { output in expressions[output.name].map { "`\(output.name) = \($0.text)`" } }.joined(separator: ", ")
                + ".\n"
        }
        if !require.isEmpty { text += "\nRequires " + require.map { "`\($0.text)`" }.joined(separator: ", ") + ".\n" }
        return text
    }
}
