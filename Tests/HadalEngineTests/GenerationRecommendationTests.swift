import Foundation
import HadalCore
@testable import HadalEngine
import HadalFormats
import TestSupport
import Testing

/// What generation_config.json and `general.sampling` keys come to.
@Suite("Recommended generation")
struct GenerationRecommendationTests {
    private func directory(_ generation: String?, config: String = #"{"model_type": "tiny"}"#) throws -> GenerationRecommendation {
        let weights = #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
        var files = [
            "config.json": Array(config.utf8),
            "model.safetensors": withUnsafeBytes(of: UInt64(weights.utf8.count).littleEndian, Array.init) + Array(weights.utf8) + [0],
        ]
        if let generation { files["generation_config.json"] = Array(generation.utf8) }
        return GenerationRecommendation(try ModelFiles.open(files: files, name: "dir"), endTokens: [2])
    }

    @Test("do_sample false is greedy, whatever the numbers say; without it they hold")
    func doSample() throws {
        let greedy = try directory(#"{"do_sample": false, "temperature": 0.6, "top_p": 0.9}"#)
        #expect(greedy.options.sampling.temperature == 0 && greedy.named == ["temperature", "top_p"])
        #expect(try directory(#"{"do_sample": false}"#).options.sampling.temperature == 0)
        let absent = try directory(#"{"temperature": 0.6, "top_k": -1}"#)
        #expect(absent.options.sampling.temperature == 0.6 && absent.options.sampling.topK == 0)
        let sampled = try directory(#"{"do_sample": true, "top_k": 20}"#)
        #expect(sampled.options.sampling.temperature == SamplingOptions().temperature && sampled.named == ["top_k"])
        #expect(try directory("{}").named.isEmpty)
    }

    @Test("all that is used")
    func used() throws {
        let read = try directory(
            """
            {"repetition_penalty": 1.1, "presence_penalty": 0.5, "frequency_penalty": 0.25, "min_p": 0.1, "stop_strings": ["END", ""],
             "suppress_tokens": [1, 7], "begin_suppress_tokens": [220, 2], "bad_words_ids": [[5], [2], [3, 4]], "max_new_tokens": 64,
             "max_length": 20, "eos_token_id": [2, 3], "pad_token_id": 0, "transformers_version": "4.44.0", "_from_model_config": true,
             "num_beams": 1, "no_repeat_ngram_size": 0, "typical_p": 1.0, "guidance_scale": null, "token_healing": false, "sequence_bias": {},
             "use_cache": true, "user_token_id": 195, "cache_implementation": "hybrid", "unknown": null}
            """)
        let sampling = read.options.sampling
        #expect((sampling.repetitionPenalty, sampling.presencePenalty, sampling.frequencyPenalty, sampling.minP) == (1.1, 0.5, 0.25, 0.1))
        #expect(read.options.stopStrings == ["END"] && read.options.maxTokens == 64 && read.options.maxLength == nil)
        #expect(sampling.suppressed.always == [1, 7] && sampling.suppressed.atStart == [220, 2])
        // An end token alone is no bad word.
        #expect(sampling.suppressed.sequences == [[5], [3, 4]])
        #expect(read.warnings.isEmpty, "\(read.warnings)")
        let other = try directory(#"{"stop_strings": "</s>", "max_length": 20, "suppress_tokens": 9}"#)
        #expect(other.options.stopStrings == ["</s>"] && other.options.maxLength == 20 && other.options.sampling.suppressed.always == [9])
        #expect(other.options.tokenLimit(promptLength: 15) == 5 && other.options.tokenLimit(promptLength: 30) == 1)
    }

    @Test(
        "what is not supported is named",
        arguments: [
            ("num_beams", "4"), ("no_repeat_ngram_size", "3"), ("min_new_tokens", "5"), ("min_length", "10"), ("forced_eos_token_id", "2"),
            ("forced_bos_token_id", "0"), ("typical_p", "0.9"), ("epsilon_cutoff", "0.0003"), ("eta_cutoff", "0.1"),
            ("guidance_scale", "1.5"),
            ("penalty_alpha", "0.6"), ("encoder_repetition_penalty", "1.2"), ("sequence_bias", "[[[1], -2.0]]"),
            ("exponential_decay_length_penalty", "[5, 1.1]"),
            ("max_time", "3.5"), ("dola_layers", "\"high\""), ("watermarking_config", "{\"bias\": 2}"), ("num_return_sequences", "2"),
            ("stop_token_ids", "[5]"), ("mirostat", "2"),
        ])
    func unsupported(_ key: String, _ value: String) throws {
        let warnings = try directory("{\"\(key)\": \(value)}").warnings
        #expect(warnings.count == 1)
        #expect(
            warnings.first?.hasPrefix("dir/generation_config.json:1:") == true && warnings.first?.contains("'\(key)'") == true,
            "\(warnings)")
    }

    @Test(
        "what cannot be read is named and not used",
        arguments: [
            ("temperature", "\"hot\""), ("temperature", "-1"), ("top_k", "1.5"), ("top_p", "0"), ("min_p", "2"),
            ("repetition_penalty", "0"),
            ("do_sample", "\"no\""), ("stop_strings", "[1]"), ("suppress_tokens", "[\"a\"]"), ("suppress_tokens", "[99999999999]"),
            ("bad_words_ids", "[3]"), ("max_new_tokens", "-1"), ("max_length", "\"long\""),
        ])
    func unreadable(_ key: String, _ value: String) throws {
        let read = try directory("{\"\(key)\": \(value)}")
        #expect(read.warnings.count == 1 && read.warnings.first?.contains("'\(key)'") == true, "\(read.warnings)")
        #expect(read.named.isEmpty && read.options.sampling == SamplingOptions())
    }

    @Test("config.json counts where there is no generation_config.json")
    func configuration() throws {
        let config = #"{"model_type": "tiny", "hidden_size": 8, "do_sample": false, "text_config": {"max_new_tokens": 9}, "num_beams": 2}"#
        let read = try directory(nil, config: config)
        #expect(read.options.sampling.temperature == 0 && read.options.maxTokens == 9)
        #expect(read.warnings.count == 1 && read.warnings[0].hasPrefix("dir/config.json:1:"))
        #expect(try directory("{}", config: config).named.isEmpty)
    }

    private func gguf(_ values: [(key: String, value: MetadataValue)]) throws -> GenerationRecommendation {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try GGUFWriter.write(
            to: "\(folder)/m.gguf",
            metadata: [("general.architecture", MetadataValue("tiny"))] + values.map { ("general.sampling.\($0.key)", $0.value) },
            tensors: [])
        return GenerationRecommendation(try ModelFiles.open(path: "\(folder)/m.gguf"), endTokens: [])
    }

    @Test("the keys of a GGUF file")
    func samplingKeys() throws {
        let read = try gguf([
            ("temp", .float32(0.5)), ("top_k", .int32(20)), ("top_p", .float32(0.75)), ("min_p", .float32(0.25)),
            ("penalty_repeat", .float32(1.5)),
            ("penalty_last_n", .int32(64)), ("mirostat", .int32(0)), ("mirostat_tau", .float32(5)), ("mirostat_eta", .float32(0.1)),
            ("xtc_probability", .float32(0)), ("xtc_threshold", .float32(0.1)), ("sequence", MetadataValue("edskypmxt")),
        ])
        let sampling = read.options.sampling
        #expect((sampling.temperature, sampling.topP, sampling.minP, sampling.repetitionPenalty) == (0.5, 0.75, 0.25, 1.5))
        #expect(sampling.topK == 20 && sampling.penaltyWindow == 64 && read.warnings.isEmpty, "\(read.warnings)")
        #expect(read.named == ["temperature", "top_k", "top_p", "min_p", "repetition_penalty", "penalty_window"])
        let edges = try gguf([("temp", .float32(-1)), ("top_k", .int32(-1)), ("penalty_last_n", .int32(-1))])
        #expect(edges.options.sampling.temperature == 0 && edges.options.sampling.topK == 0 && edges.options.sampling.penaltyWindow == nil)
        #expect(edges.named.contains("penalty_window"))
    }

    @Test(
        "keys of a GGUF file that are not used are named",
        arguments: [
            ("mirostat", MetadataValue.int32(2)), ("xtc_probability", .float32(0.5)), ("sequence", MetadataValue("tpk")),
            ("temp", MetadataValue("hot")),
            ("temp", .float32(.nan)), ("top_p", .float32(-1)), ("dynatemp_range", .float32(0.5)),
        ])
    func unusedKeys(_ key: String, _ value: MetadataValue) throws {
        let read = try gguf([(key, value)])
        #expect(read.warnings.count == 1 && read.warnings[0].contains("general.sampling.\(key)") && read.named.isEmpty, "\(read.warnings)")
    }
}
