package import HadalCore
import HadalGraph

/// What a user wants of a shape in place of what a contract's bench says.
package struct KernelShape: Sendable {
    /// Extents and attributes by name.
    package var values: [(name: String, value: ExpressionValue)] = []
    package var dtypes: [(name: String, dtype: DType)] = []
    /// (tokens already cached, new tokens) for each sequence.
    package var step: [(past: Int, new: Int)] = []

    package init() {}

    package var isEmpty: Bool { values.isEmpty && dtypes.isEmpty && step.isEmpty }

    /// Reads `N=1,K=1536`; values are numbers, `true`, `false`, or words.
    package static func values(parsing text: String) throws -> [(name: String, value: ExpressionValue)] {
        try pairs(text, "NAME=VALUE, as in N=1,K=1536").map { name, value in
            if let int = Int(value) { return (name, .int(int)) }
            if let double = Double(value), double.isFinite { return (name, .float(double)) }
            return (name, value == "true" ? .bool(true) : value == "false" ? .bool(false) : .string(value))
        }
    }

    /// Reads `weight=q4_k`.
    package static func dtypes(parsing text: String) throws -> [(name: String, dtype: DType)] {
        try pairs(text, "INPUT=TYPE, as in weight=q4_k").map { name, value in
            guard let dtype = DType(name: value) else { throw HadalError(.invalidArgument, "unknown dtype '\(value)'") }
            return (name, dtype)
        }
    }

    /// Reads `1024+1` or `3+2,0+4`: tokens in the cache, and new ones, of each sequence.
    package static func step(parsing text: String) throws -> [(past: Int, new: Int)] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let numbers = part.split(separator: "+", omittingEmptySubsequences: false).map { Int($0) }
            guard numbers.count == 2, let past = numbers[0], let new = numbers[1], past >= 0, new > 0, past <= 1 << 24, new <= 1 << 24
            else {
                throw HadalError(.invalidArgument, "'\(part)' is not a step: PAST+NEW, as in 1024+1")
            }
            return (past, new)
        }
    }

    private static func pairs(_ text: String, _ wanted: String) throws -> [(String, String)] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let equals = part.firstIndex(of: "="), equals != part.startIndex, part.index(after: equals) != part.endIndex else {
                throw HadalError(.invalidArgument, "'\(part)' is not \(wanted)")
            }
            return (String(part[..<equals]), String(part[part.index(after: equals)...]))
        }
    }

    /// A point with these wishes applied.
    ///
    /// - Throws: for a name that the contract does not have.
    func applied(to point: ConformancePoint, of contract: OpContract) throws -> ConformancePoint {
        guard !isEmpty else { return point }
        var point = point
        point.id = "\(contract.name)/custom"
        let dims = Set(contract.inputs.flatMap { $0.dims.flatMap(\.names) })
        for (name, value) in values {
            if let spec = contract.attributes.first(where: { $0.name == name }) {
                do { point.attributes[name] = try spec.attribute(from: value) } catch let error as HadalError {
                    throw HadalError(.invalidArgument, error.message)
                }
            } else if dims.contains(name) {
                guard let extent = value.int, extent > 0, extent <= Int(Int32.max) else {
                    throw HadalError(.invalidArgument, "the extent \(name) must be an integer of at least 1, not \(value)")
                }
                point.dims[name] = extent
            } else {
                let known = dims.union(contract.attributes.map(\.name)).sorted().joined(separator: ", ")
                throw HadalError(.invalidArgument, "op '\(contract.name)' has no extent or attribute '\(name)'", hint: "it has \(known)")
            }
        }
        for (name, dtype) in dtypes {
            guard let input = contract.inputs.first(where: { $0.name == name }) else {
                throw HadalError(
                    .invalidArgument, "op '\(contract.name)' has no input '\(name)'",
                    hint: "it has \(contract.inputs.map(\.name).joined(separator: ", "))")
            }
            point.dtypes[name] = dtype
            if input.optional, !point.present.contains(name) { point.present.append(name) }
        }
        if !step.isEmpty {
            guard !contract.states.isEmpty else { throw HadalError(.invalidArgument, "op '\(contract.name)' has no state, so no step") }
            point.step = step
        }
        return point
    }
}
