import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph

/// What a file will hold, before types are chosen.
struct PlannedContents {
    struct Tensor {
        var name: String
        var shape: [Int]
        var storedType: DType?
        var roles: Set<TensorRole>
        var content: QuantizationPlan.Tensor.Content
    }

    var metadata: [(key: String, value: MetadataValue)] = []
    var tensors: [Tensor] = []
    var notes: [String] = []
    var alignment = GGUFFile.defaultAlignment

    /// Of a GGUF file: everything it holds, in its order.
    init(gguf model: ModelFiles, _ options: QuantizationOptions, _ library: ArchitectureLibrary, _ catalogue: OpCatalogue) throws {
        guard let file = model.gguf?.files.first else { throw HadalError(.notFound, "no GGUF file", at: SourcePlace(model.path)) }
        // What speaks of shards, or of how the source was quantised, would be wrong in the result.
        let dropped = ["split.", "quantize."]
        metadata = file.entries.filter { entry in !dropped.contains { entry.key.hasPrefix($0) } }.map { ($0.key, $0.value) }
        alignment = file.alignment
        var roles: [ExactString: Set<TensorRole>] = [:]
        do {
            let match = try options.architecture.map { try library.match(model, file: $0) } ?? library.match(model)
            roles = Self.roles(try match.build(model, catalogue: catalogue), catalogue)
        } catch let error as HadalError where options.architecture == nil {
            // A file that cannot be run can still be quantised.
            notes.append("groups are determined by tensor names alone: \(error)")
        }
        guard !model.tensors.isEmpty else { throw HadalError(.notFound, "the file holds no tensors", at: SourcePlace(model.path)) }
        tensors = model.tensors.map { tensor in
            Tensor(
                name: tensor.name, shape: tensor.shape, storedType: tensor.dtype,
                roles: roles[ExactString(tensor.name)] ?? Set([TensorNameRoles.role(of: tensor.name)].compactMap { $0 }),
                content: .stored(.tensor(tensor)))
        }
    }

    /// The roles of a GGUF model's tensors: those of the weights made of them.
    static func roles(_ model: ModelGraph, _ catalogue: OpCatalogue) -> [ExactString: Set<TensorRole>] {
        var roles: [ExactString: Set<TensorRole>] = [:]
        for graph in model.graphs.values {
            for (weight, found) in GraphRoles(graph, catalogue).roles() {
                guard case .stored(let recipe)? = model.weights[weight]?.content else { continue }
                for tensor in recipe.tensors { roles[ExactString(tensor.name), default: []].formUnion(found) }
            }
        }
        return roles
    }
}
