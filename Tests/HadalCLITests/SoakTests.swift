import Foundation
import TestSupport
import Testing

/// A minute of what `packaging/soak` does for an hour: memory stays within its budget whatever comes.
@Suite("Soak", .serialized)
struct SoakTests {
    private static let dense = """
        {"hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 1024,
         "vocab_size": 8000, "max_position_embeddings": 4096, "tie_word_embeddings": true}
        """
    private static let mixture = """
        {"hidden_size": 512, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8, "num_key_value_heads": 2,
         "num_local_experts": 32, "num_experts_per_tok": 2, "vocab_size": 8000, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
         "rope_theta": 10000}
        """

    @Test("random requests at once stay within the budget", arguments: ["llama", "mixtral"])
    func budget(_ architecture: String) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try (architecture == "llama" ? Self.dense : Self.mixture).write(toFile: "\(folder)/config.json", atomically: false, encoding: .utf8)
        let model = "\(folder)/model.gguf"
        let synth = try CommandRun(["synth", architecture, "--config", "\(folder)/config.json", "--type", "q4_K", "-o", model])
        try #require(synth.status == 0, "\(synth.error)")
        // The cache of the dense model is far less than requests ask for; of the mixture half the experts fit.
        let more = architecture == "llama" ? ["--memory", "100MiB", "--cache-dir", "\(folder)/cache"] : ["--memory", "80MiB"]
        // Other tests run meanwhile, some of them against the clock.
        let run = try CommandRun(["-n", "19", "\(Fixtures.products)/soak", model, "--seconds", "30"] + more, executable: "/usr/bin/nice")
        #expect(run.status == 0, "\(run.out)\n\(run.error)")
        #expect(run.out.hasPrefix("peak "), "\(run.out)\n\(run.error)")
        if architecture == "mixtral" { #expect(run.error.contains("the others are read from disk"), "\(run.error)") }
    }
}
