import HadalCore

extension OpContract {
    /// The place of an input among a node's operands.
    ///
    /// - Throws: `mismatch` when the contract has no such input.
    package func place(ofInput input: String) throws -> Int {
        if let place = inputs.firstIndex(where: { $0.name == input }) { return place }
        throw HadalError(.mismatch, "op '\(name)' has no input '\(input)'", hint: "inputs: \(inputs.map(\.name).joined(separator: ", "))")
    }
}

/// Operands by the names of a contract, which is that of the node's op.
extension Graph.Node {
    /// - Throws: `mismatch` when the contract has no such input. One that is absent is `.none`.
    package func operand(_ name: String, _ contract: OpContract) throws -> Graph.Operand {
        let place = try contract.place(ofInput: name)
        return inputs.indices.contains(place) ? inputs[place] : .none
    }

    /// The index of a weight; nil: the input is absent, or no weight.
    package func weight(_ name: String, _ contract: OpContract) throws -> Int? {
        if case .weight(let index) = try operand(name, contract) { index } else { nil }
    }

    /// The index of a value; nil: the input is absent, or no value.
    package func value(_ name: String, _ contract: OpContract) throws -> Int? {
        if case .value(let index) = try operand(name, contract) { index } else { nil }
    }
}
