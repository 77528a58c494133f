import HadalCore
import HadalGraph

/// The numbers that kernels are built with: those measured best for a device, else the usual ones of the contract.
struct TunedParameters: Sendable {
    /// By op, form (`stage` or `stage.variant`) and parameter.
    private(set) var values: [String: [String: [String: Int]]] = [:]

    init() {}

    /// Reads `{device: {op: {form: {parameter: value}}}}`.
    ///
    /// - Throws: when the file is there and cannot be read as that.
    init(path: String, device: String) throws {
        let document = try JSONDocument(contentsOf: path)
        func members(_ json: JSON, _ what: String) throws -> [(key: String, value: JSON)] {
            guard let object = json.object else { throw HadalError(.malformed, "\(what) must be an object", at: document.place(of: json)) }
            return object.members.map { ($0.key, $0.value) }
        }
        for (name, ops) in try members(document.root, "tuned parameters") where name == device {
            for (op, stages) in try members(ops, "a device's entry") {
                values[op] = [:]
                for (stage, parameters) in try members(stages, "an op's entry") {
                    for (parameter, value) in try members(parameters, "a stage's entry") {
                        guard let number = value.int else {
                            throw HadalError(.malformed, "parameter '\(parameter)' must be an integer", at: document.place(of: value))
                        }
                        values[op, default: [:]][stage, default: [:]][parameter] = number
                    }
                }
            }
        }
    }

    /// Takes over the ops of another file, whole: parameters of one op were measured together.
    mutating func replace(with newer: TunedParameters) { values.merge(newer.values) { $1 } }

    /// One value for each parameter of a form; values that the contract does not list are passed over.
    func parameters(of form: OpContract.Stage, op: String) -> [String: Int] {
        let tuned = values[op]?[form.variant.map { "\(form.name).\($0)" } ?? form.name] ?? [:]
        return Dictionary(
            form.parameters.map { parameter in
                let value = tuned[parameter.name].flatMap { parameter.values.contains($0) ? $0 : nil }
                return (parameter.name, value ?? parameter.values[0])
            }, uniquingKeysWith: { first, _ in first })
    }
}
