package import HadalArchitecture
import HadalBackend
public import HadalCore
package import HadalFormats
import HadalGraph

/// What a model is, found without reading a byte of its weights: enough for `inspect` and `plan`.
public struct ModelDescription: Sendable {
    package let files: ModelFiles
    package let graph: ModelGraph

    /// - Throws: `HadalError` naming the file and key, tensor or node at fault.
    package init(files: ModelFiles, options: EngineOptions) throws {
        let library = try options.environment.architectures()
        let match = if let file = options.architecture { try library.match(files, file: file) } else { try library.match(files) }
        let graph = try match.build(files, catalogue: try options.environment.catalogue())
        for reason in graph.reasons { options.log.write(.info, reason) }
        for warning in graph.warnings { options.log.write(.warning, warning) }
        if let wanted = options.placement?.architecture, wanted != graph.architecture {
            options.log.write(.warning, "the placement was written for \(wanted), this model is \(graph.architecture)")
        }
        self.files = files
        self.graph = graph
    }

    public init(path: String, options: EngineOptions = EngineOptions()) throws {
        try self.init(files: try ModelFiles.open(path: path), options: options)
    }

    /// Extents of the block scales of a graph's weights, nil for those without.
    func scales(of graph: Graph) throws -> [Segment.BlockScales?] {
        try self.graph.bindings(of: graph).map { binding in
            binding.scaleShape.map { .init(rows: $0.rows, columns: $0.columns, block: (rows: $0.rowBlock, columns: $0.columnBlock)) }
        }
    }

    /// The context that nobody asked for: what the model was made for, at most 32768 tokens.
    /// The family, as the descriptions of architectures call it.
    public var family: String { graph.architecture }
    /// What the model's files call it; nil when they say nothing.
    public var name: String? { files.metadata("general.name")?.string }
    /// Why this family's description was chosen, a sentence each.
    public var reasons: [String] { graph.reasons }
    public var layerCount: Int { graph.layerCount }
    public var vocabularySize: Int { graph.vocabularySize }
    /// Tokens that the model was made for.
    public var contextLength: Int { graph.contextLength }
    /// Of the weights, in the types that the files have them in.
    public var weightBytes: Int { graph.weightBytes }

    package var usualContextLength: Int { min(graph.contextLength, 32768) }

    /// Bytes that the engine will hold for a model run with these options, before any backend's own work space.
    public func memory(contextLength: Int, cacheDType: DType) -> (weights: Int, cache: Int) {
        let perToken = graph.stateBytesPerToken(cacheDType)
        let (cache, overflow) = perToken.multipliedReportingOverflow(by: contextLength)
        return (graph.weightBytes, overflow ? Int.max : cache)
    }
}
