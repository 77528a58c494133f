import HadalCore
import HadalGraph

/// A node's members told apart by the op's contract.
struct NodeBinding {
    /// Value inputs given by `in`, by input name.
    var positional: [String: String] = [:]
    /// What `in` gives to an input that repeats.
    var variadic: [String] = []
    var operands: [String: Formula] = [:]
    var attributes: [(name: String, formula: Formula)] = []

    static func contract(_ node: Statement.NodeSpec, _ catalogue: OpCatalogue) throws -> OpContract {
        guard let contract = catalogue.contracts[node.op] else {
            throw HadalError(
                .notFound, "unknown op '\(node.op)'", at: node.opPlace,
                hint: HadalError.Hint(Suggestion.hint(for: node.op, among: Array(catalogue.contracts.keys))).adding(.set(.kernelPaths)))
        }
        return contract
    }

    /// - Throws: for a member that is neither an input nor an attribute, too many or too few inputs, too many outputs.
    init(_ node: Statement.NodeSpec, _ contract: OpContract) throws {
        for member in node.members {
            if let input = contract.inputs.first(where: { $0.name == member.key && !$0.variadic }) {
                operands[input.name] = member.formula
            } else if contract.attributes.contains(where: { $0.name == member.key }) {
                attributes.append((member.key, member.formula))
            } else {
                let known = contract.inputs.map(\.name) + contract.attributes.map(\.name) + Statement.NodeSpec.keys
                throw HadalError(
                    .malformed, "op \(contract.name) has no '\(member.key)'", at: member.place,
                    hint: Suggestion.hint(for: member.key, among: known))
            }
        }
        var rest = node.inputs[...]
        for input in contract.inputs where input.kind == .value {
            if input.variadic {
                variadic = Array(rest)
                rest = []
            } else if operands[input.name] == nil, let name = rest.popFirst() {
                positional[input.name] = name
            } else if operands[input.name] == nil, !(input.unless.map { operands[$0] != nil } ?? input.optional) {
                throw HadalError(.mismatch, "op \(contract.name): input '\(input.name)' is missing", at: node.place)
            }
        }
        if let extra = rest.first {
            throw HadalError(.mismatch, "op \(contract.name) takes no further input '\(extra)'", at: node.place)
        }
        for input in contract.inputs where input.kind == .weight && !input.optional && operands[input.name] == nil {
            if input.name == "inv_freq", node.table != nil { continue }
            throw HadalError(
                .mismatch, "op \(contract.name): weight '\(input.name)' is missing", at: node.place,
                hint: input.name == "inv_freq" ? "name a rope table with 'table'" : nil)
        }
        if contract.outputs.allSatisfy({ $0.count == nil }), node.outputs.count != contract.outputs.count {
            throw HadalError(
                .mismatch,
                "op \(contract.name) has \(contract.outputs.count) outputs (\(contract.outputs.map(\.name).joined(separator: ", "))), not \(node.outputs.count)",
                at: node.place)
        }
        if !node.states.isEmpty, contract.states.isEmpty {
            throw HadalError(.mismatch, "op \(contract.name) has no state", at: node.place)
        }
        if node.states.isEmpty, !contract.states.isEmpty {
            throw HadalError(.mismatch, "op \(contract.name) needs a 'state'", at: node.place)
        }
        if let table = node.table, !contract.inputs.contains(where: { $0.name == "inv_freq" }) {
            throw HadalError(.mismatch, "op \(contract.name) takes no 'table'", at: table.place)
        }
    }
}
