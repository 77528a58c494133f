import HadalCore
import Testing

@testable import HadalFormats

@Suite("modules.json")
struct SentenceModulesTests {
    private func modules(_ text: String, _ more: [String: String] = [:]) throws -> SentenceModules? {
        var files = ["modules.json": Array(text.utf8)]
        for (name, content) in more { files[name] = Array(content.utf8) }
        return try SentenceModules(FileProvider(files: files, directory: "model"))
    }

    private func entry(_ type: String, _ path: String) -> String {
        #"{"type": "sentence_transformers.models.\#(type)", "path": "\#(path)"}"#
    }

    private func summary(_ modules: SentenceModules?) throws -> JSON {
        let config = try JSONDocument(parsing: #"{"model_type": "bert"}"#, file: "model/config.json")
        return config.adding(SentenceModules.key, of: modules?.documents ?? []).root[SentenceModules.key] ?? .null
    }

    @Test("configurations of modules have places in their own files")
    func places() throws {
        let made = try modules(
            "[\(entry("Transformer", "")), \(entry("Pooling", "1_Pooling")), \(entry("Normalize", "2_Normalize"))]",
            ["1_Pooling/config.json": "{\n \"pooling_mode_cls_token\": true}", "sentence_bert_config.json": #"{"max_seq_length": 9}"#])
        let config = try JSONDocument(parsing: #"{"model_type": "bert"}"#, file: "model/config.json")
        let whole = config.adding(SentenceModules.key, of: made?.documents ?? [])
        let stated = try #require(whole.root[SentenceModules.key])
        #expect(stated["modules"] == ["Transformer", "Pooling", "Normalize"] && stated["normalize"] == true && stated["dense_count"] == 0)
        #expect(stated["transformer"]?["max_seq_length"]?.int == 9 && stated["unsupported"] == nil)
        let mode = try #require(stated["pooling"]?["pooling_mode_cls_token"])
        #expect("\(whole.place(of: mode))" == "model/1_Pooling/config.json:2:28")
        #expect("\(whole.place(of: try #require(whole.root["model_type"])))" == "model/config.json:1:16")
    }

    @Test("modules that are not read, or stand elsewhere, are named")
    func unsupported() throws {
        let (first, pooling) = (entry("Transformer", ""), entry("Pooling", "1_Pooling"))
        for (list, name) in [
            ("\(entry("WordEmbeddings", "")), \(pooling)", "WordEmbeddings"), ("\(first), \(entry("LSTM", "1_LSTM"))", "LSTM"),
            ("\(first), \(entry("Normalize", "1_N")), \(pooling)", "Pooling"), ("\(entry("Transformer", "0_Transformer"))", "Transformer"),
        ] {
            #expect(try summary(modules("[\(list)]"))["unsupported"]?.string == name)
        }
        #expect(try summary(modules("[\(first), \(pooling), \(entry("Dropout", "2_D"))]"))["unsupported"] == nil)
    }

    @Test(
        "bad files are errors",
        arguments: [
            (#"{"a": 1}"#, "not a list of modules"), (#"[{"path": ""}]"#, "requires \"type\" and \"path\""), ("[", "modules.json:1"),
            (#"[{"type": "a.Transformer", "path": ""}, {"type": "a.Dense", "path": "../x"}]"#, "not a plain name"),
            (#"[{"type": "a.Transformer", "path": ""}, {"type": "a.Dense", "path": "2_Dense"}]"#, "no model.safetensors"),
        ])
    func bad(_ text: String, _ message: String) {
        let error = #expect(throws: HadalError.self) { try modules(text) }
        #expect(error.map { "\($0)" }?.contains(message) == true, "\(error.map { "\($0)" } ?? "")")
    }
}
