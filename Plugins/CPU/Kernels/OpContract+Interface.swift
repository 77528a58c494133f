import HadalGraph

extension OpContract {
    /// Whether a kernel written for the other contract is called the same way: operands, states, attributes and the numbers of choices.
    func hasSameInterface(as other: OpContract) -> Bool {
        name == other.name && inputs.map(\.name) == other.inputs.map(\.name) && inputs.map(\.kind) == other.inputs.map(\.kind)
            && outputs.map(\.name) == other.outputs.map(\.name) && outputs.map(\.dtype) == other.outputs.map(\.dtype)
            && states.map(\.name) == other.states.map(\.name) && attributes.map(\.name).sorted() == other.attributes.map(\.name).sorted()
            && attributes.allSatisfy { attribute in
                other.attributes.contains { $0.name == attribute.name && $0.kind == attribute.kind && $0.choices == attribute.choices }
            }
    }
}
