import HadalArchitecture
import HadalCore
import HadalGraph

/// How the rows of a weight are to be reordered when a file lays rotary pairs out differently.
struct RotaryOrder: Equatable {
    let heads: Int
    let dim: Int
    let offset: Int
    let toHalf: Bool

    func applied(to recipe: WeightRecipe) -> WeightRecipe { .rotary(recipe, heads: heads, dim: dim, offset: offset, toHalf: toHalf) }

    /// The weights that differ between two forms of one model, by name.
    ///
    /// What a `rope` node turns is followed back to the projection that makes it.
    /// - Parameter catalogue: says what the ops between them do to a row.
    /// - Throws: `mismatch` when the two are not one computation, `unsupported` for what is made in another way.
    static func changes(from source: Graph, to target: Graph, _ catalogue: OpCatalogue) throws -> [String: RotaryOrder] {
        let differing = zip(source.nodes, target.nodes).first { $0.op != $1.op }
        guard source.nodes.count == target.nodes.count, differing == nil else {
            let place = differing.map { ", from \($0.label) (\($0.op)) on, which would be \($1.label) (\($1.op))" } ?? ""
            throw HadalError(
                .unsupported, "GGUF files of this family cannot hold this model: the file would describe a different computation\(place)")
        }
        var producers: [Int: Int] = [:]
        var readers: [Int: Int] = [:]
        for (index, node) in source.nodes.enumerated() {
            for value in node.outputs { producers[value] = index }
            for case .value(let value) in node.inputs { readers[value, default: 0] += 1 }
        }
        var changes: [String: RotaryOrder] = [:]
        for (before, after) in zip(source.nodes, target.nodes)
        where before.op == Op.rope && before.string("layout") != after.string("layout") {
            func change(_ heads: Int, _ operand: Graph.Operand) throws {
                guard case .weight(let weight) = operand else { return }
                let order = RotaryOrder(
                    heads: heads, dim: before.int("rotary"), offset: before.int("offset"), toHalf: after.string("layout") == "half")
                guard changes.updateValue(order, forKey: source.weights[weight].name).map({ $0 == order }) ?? true else {
                    throw fail(before)
                }
            }
            var at = before
            while at.op != Op.linear {
                guard case .value(let value)? = at.inputs.first, readers[value] == 1, let producer = producers[value] else {
                    throw fail(before)
                }
                at = source.nodes[producer]
                if at.op == Op.linear { continue }
                switch catalogue.contracts[at.op]?.flow {
                case .map: break
                // A weight for each number of a head, or for each number of all heads.
                case .norm:
                    guard [1, before.int("heads")].contains(at.int("groups")) else { throw fail(before) }
                    for case .weight(let weight) in at.inputs {
                        let isWhole = source.weights[weight].dims.map(Dim.fixed) == [source.values[value].dims.last]
                        try change(isWhole ? before.int("heads") : 1, .weight(weight))
                    }
                default: throw fail(before)
                }
            }
            for operand in at.inputs { try change(before.int("heads"), operand) }
        }
        return changes
    }

    private static func fail(_ node: Graph.Node) -> HadalError {
        HadalError(
            .unsupported,
            "\(node.label): GGUF files of this family lay rotary pairs out differently, and the weights for that cannot be reordered")
    }
}
