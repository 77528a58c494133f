import Foundation
import HadalArchitecture
import HadalCore
import HadalGraph
import HadalSynthesis
import TestSupport

@testable import HadalEngine

/// A small model with random weights and a tokenizer of its own, which would never write by itself what a constraint demands.
enum RandomModel {
    static func engine(_ backend: String = "cpu", _ change: (inout EngineOptions, _ path: String) -> Void = { _, _ in }) throws -> Engine {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let config = """
            {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96,
             "vocab_size": 600, "max_position_embeddings": 1024, "tie_word_embeddings": true, "bos_token_id": 0, "eos_token_id": 1}
            """
        let path = "\(folder)/m.gguf"
        try SyntheticModel(
            architecture: "llama", configuration: try JSONDocument(parsing: config, file: "config.json"), type: .q8_0,
            library: ArchitectureLibrary(), catalogue: OpCatalogue.load()
        ).write(to: path, seed: 3)
        var options = Golden.options(backend)
        options.contextLength = 1024
        change(&options, path)
        return try Engine(path: path, options: options)
    }
}
