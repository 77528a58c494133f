import HadalCore

extension OpContract.TestCase {
    /// - Parameter inputs: those of the op, which `dtypes` and `present` may name.
    init(
        _ json: JSON, _ document: JSONDocument, _ specs: [OpContract.AttributeSpec], _ inputs: [OpContract.Input], hasStates: Bool
    ) throws {
        var fields = try JSONFields(json, in: document, what: "case")
        let names = Set(inputs.flatMap { $0.dims.flatMap(\.names) })
        dims = try (fields.optionalObject("dims")?.members ?? []).map { member in
            guard names.contains(member.key) else {
                throw fields.fail(
                    "no input has a dim '\(member.key)'; there are \(names.sorted().joined(separator: ", "))", at: member.value)
            }
            let items = OpContract.list(member.value)
            let values = items.compactMap(\.int)
            guard !values.isEmpty, values.count == items.count, values.allSatisfy({ $0 > 0 && $0 <= Int(Int32.max) }) else {
                throw fields.fail("bad extent of '\(member.key)': an integer of at least 1, or a list of them", at: member.value)
            }
            return (member.key, values)
        }
        attributes = try (fields.optionalObject("attributes")?.members ?? []).map { member in
            guard let spec = specs.first(where: { $0.name == member.key }) else {
                throw fields.fail("no attribute '\(member.key)'", at: member.value)
            }
            // A list-valued attribute is given as a list of lists.
            let items = OpContract.list(member.value)
            guard !items.isEmpty else { throw fields.fail("no value for '\(member.key)'", at: member.value) }
            return (
                member.key,
                try items.map { item in
                    guard let value = ExpressionValue(item) else { throw fields.fail("bad value", at: item) }
                    do { return try spec.attribute(from: value) } catch let error as HadalError {
                        throw error.located(at: document.place(of: item))
                    }
                }
            )
        }
        func input(_ name: String, _ json: JSON) throws -> OpContract.Input {
            guard let input = inputs.first(where: { $0.name == name }) else { throw fields.fail("no input '\(name)'", at: json) }
            return input
        }
        dtypes = try (fields.optionalObject("dtypes")?.members ?? []).map { member in
            let known = try input(member.key, member.value)
            let items = OpContract.list(member.value)
            guard !items.isEmpty else { throw fields.fail("no type for '\(member.key)'", at: member.value) }
            return (
                member.key,
                try items.map { item in
                    let dtype = try OpContract.dtype(item, document)
                    guard known.dtypes.isEmpty || known.dtypes.contains(dtype) else {
                        throw fields.fail("input '\(member.key)' may not be \(dtype.name)", at: item)
                    }
                    return dtype
                }
            )
        }
        present = try (fields.optionalArray("present") ?? []).map { item in
            guard let name = item.string else { throw fields.fail("'present' is a list of input names", at: item) }
            guard try input(name, item).optional else { throw fields.fail("input '\(name)' is always present", at: item) }
            return name
        }
        let stepList = fields.optional("steps")
        steps = try
            (try stepList.map { json -> [JSON] in
                guard let list = json.array, !list.isEmpty else { throw fields.fail("'steps' is a list of steps", at: json) }
                guard hasStates else { throw fields.fail("'steps' is for ops with states", at: json) }
                return list
            } ?? []).map { step in
                guard let pairs = step.array, !pairs.isEmpty else { throw fields.fail("a step is a list of [past, new]", at: step) }
                return try pairs.map { pair in
                    guard let numbers = pair.array?.compactMap(\.int), numbers.count == 2, pair.array?.count == 2, numbers[0] >= 0,
                        numbers[1] > 0,
                        numbers[0] <= 1 << 24, numbers[1] <= 1 << 24
                    else { throw fields.fail("a step is a list of [past, new]", at: step) }
                    return (numbers[0], numbers[1])
                }
            }
        if hasStates, steps.isEmpty { throw fields.fail("'steps' is missing: the op has states") }
        try fields.finish()
    }
}

extension OpContract.Bench {
    /// - Parameter names: of the inputs and states, which `reads` may name.
    init(
        _ json: JSON, _ document: JSONDocument, names: [String], _ testCase: (JSON) throws -> OpContract.TestCase
    ) throws {
        var fields = try JSONFields(json, in: document, what: "bench")
        operations = try fields.optional("operations").map { try OpContract.expression($0, document) }
        reads = try (fields.optionalObject("reads")?.members ?? []).map { member in
            guard names.contains(member.key) else { throw fields.fail("no input or state '\(member.key)'", at: member.value) }
            return (member.key, try OpContract.expression(member.value, document))
        }
        shapes = try fields.array("shapes").map(testCase)
        try fields.finish()
    }
}
