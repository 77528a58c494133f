package import HadalCore

/// What a contract says of an op to those who look after graphs rather than compute it.
extension OpContract {
    /// How what the op is given flows into what it gives.
    package enum Flow: String, Sendable, CaseIterable {
        /// An element comes from the one in its place, and attributes: a scale, a bound.
        case map
        /// A row, or each of its groups, divided by its own size and multiplied by weights.
        case norm
        /// Rows handed on as rows in another way: rotated, cut, joined, picked.
        case pass
        /// A token's row comes from rows of the tokens before it.
        case attend
        /// The nonlinear part of a feed-forward network.
        case gate
        /// The sum of two inputs, element by element.
        case sum
        /// The product of two inputs, element by element.
        case product

        /// Whether a row that comes in goes out as a row of the same kind.
        package var passesRows: Bool { self == .map || self == .norm || self == .pass }
    }

    /// How the kernels of `cpu.c` take what the op is given.
    package struct CPU: Sendable, Equatable {
        /// Matrices that they take packed, where there is a packed layout for the type, and else as stored. All others are parameters, which they take
        /// as float32.
        package var packed: [String] = []
        /// Matrices that they take as stored, or as another op has them packed.
        package var stored: [String] = []
        /// Inputs that go to a kernel of their own, `appendKernel`, which writes to the caches before the op's kernel reads them.
        package var append: [String] = []

        package init() {}
    }

    /// What its states are, as descriptions declare them: "a kv state", "a window and a recurrent state".
    package var stateText: String {
        if states.map(\.kind) == [.tokens, .tokens] { return "a kv state" }
        return states.map { $0.kind == .tokens ? "a latent state" : $0.kind == .window ? "a window" : "a recurrent state" }
            .joined(separator: " and ")
    }

    /// Types that all of its caches may have; all types where there are none.
    package var stateTypes: [DType] {
        DType.stateTypes.filter { dtype in states.allSatisfy { $0.kind != .tokens || $0.dtypes.contains(dtype) } }
    }

    /// Whether the other contract has operands, states and attributes of the same names.
    private func hasSameNames(as other: OpContract) -> Bool {
        inputs.map(\.name) == other.inputs.map(\.name) && outputs.map(\.name) == other.outputs.map(\.name)
            && states.map(\.name) == other.states.map(\.name) && attributes.map(\.name).sorted() == other.attributes.map(\.name).sorted()
    }

    /// Takes what this contract leaves out from the one whose place it takes: what defines the op, how values flow through it, how its kernels are called.
    mutating func inherit(from other: OpContract) {
        guard hasSameNames(as: other) else { return }
        reference = reference ?? other.reference
        flow = flow ?? other.flow
        wholeSequence = wholeSequence ?? other.wholeSequence
        if cpu == CPU() { cpu = other.cpu }
    }

    /// Whether a step must have all of a sequence for a node's rows of it.
    ///
    /// - Parameter node: its attributes, complete.
    package func needsWholeSequence(_ node: [String: Attribute]) throws -> Bool {
        try wholeSequence?.evaluate { node[$0]?.expressionValue }.bool ?? false
    }

    /// The kernel that takes the inputs of `cpu.append`.
    package static func appendKernel(of op: String) -> String { "\(op)_append" }

    /// Places of the inputs that the CPU's kernels take as matrices.
    package var matrixInputs: [Int] { places(of: cpu.packed + cpu.stored) }

    /// Places of the inputs that a kernel of their own takes.
    package var appendedInputs: [Int] { places(of: cpu.append) }

    private func places(of names: [String]) -> [Int] { inputs.indices.filter { names.contains(inputs[$0].name) } }
}

extension OpContract.Flow {
    init(_ json: JSON, _ document: JSONDocument) throws {
        guard let text = json.string, let flow = Self(rawValue: text) else {
            throw HadalError(
                .malformed, "'flow' is \(json.text())", at: document.place(of: json),
                hint: "one of: \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self = flow
    }
}

extension OpContract.CPU {
    init(_ json: JSON, _ document: JSONDocument, inputs: [OpContract.Input], hasStates: Bool) throws {
        var fields = try JSONFields(json, in: document, what: "cpu")
        func names(_ key: String, _ kind: OpContract.Input.Kind) throws -> [String] {
            try (fields.optionalArray(key) ?? []).map { json in
                guard let name = json.string, inputs.contains(where: { $0.name == name && $0.kind == kind }) else {
                    throw fields.fail("'\(key)' names \(json.text()), which is not an input of kind \(kind.rawValue)", at: json)
                }
                return name
            }
        }
        packed = try names("packed", .weight)
        stored = try names("stored", .weight)
        append = try names("append", .value)
        for input in inputs where packed.contains(input.name) || stored.contains(input.name) {
            guard packed.contains(input.name) != stored.contains(input.name) else {
                throw fields.fail("'\(input.name)' is both packed and stored")
            }
            guard input.dims.count >= 2 else { throw fields.fail("'\(input.name)' is not a matrix") }
        }
        guard append.isEmpty || hasStates else { throw fields.fail("'append' of an op without caches", at: fields.object["append"]) }
        try fields.finish()
    }
}
