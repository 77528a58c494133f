import Foundation
import HadalArchitecture
import HadalCore
import HadalGraph
import Testing
import TestSupport

@testable import HadalArchitecture

/// An error names the line that causes it, once, and nothing that is meant otherwise.
@Suite struct BlameTests {
    @Test(arguments: [
        // A fault that shows in llama.json, and the author's line that causes it.
        (#""params": {"partial_rotary": {"default": 0.95}}"#, "rope table 'main': dim is 15; it must be even", true),
        (#""params": {"max_length": {"config": null, "default": null, "value": "n_heads"}}"#, "and this has 'gguf'", true),
        (#""weights": {"attn_norm": null}"#, "no weight 'attn_norm'", true),
        (#""params": {"q_dim": null}"#, "unknown name 'q_dim'", true),
        (#""state": {"kv": null}"#, "no state 'kv'", true),
        (#""rope": {"main": null}"#, "no rope table 'main'", true),
        (#""blocks": {"qkv": null}"#, "unknown block 'qkv'", true),
        (
            #""params": {"rope_layout": {"default": "'sideways'"}}"#, "attribute 'layout' requires one of half, adjacent, not 'sideways'",
            true
        ),
        (#""params": {"activation": {"config": null, "default": "'gelu_tanh'"}}"#, "which sample does not know (known: gelu,", true),
        // What is inherited is used where it cannot be.
        (
            #""blocks": {"head": [{"op": "rms_norm", "in": "x", "weight": "attn_norm", "out": "logits"}]}"#,
            "weight 'attn_norm' needs the index 'layer', which no 'repeat' counts here", true
        ),
        // A fault of the author's file alone.
        (
            #""blocks": {"head": [{"op": "rms_norm", "in": "x", "weight": "final_norm", "groups": null, "out": "logits"}]}"#,
            "written as the expression \"null\"", false
        ),
        (#""blocks": {"head": [{"op": "position_scale", "in": "x", "out": "logits"}]}"#, "an op of your own is found in", false),
        (#""blocks": {"head": [{"op": "linear", "in": ["x", "head"], "out": "logits"}]}"#, "'head' is a weight", false),
        (
            #""blocks": {"head": [{"op": "gather_rows", "in": ["x", "rows"], "out": "x"}, {"op": "add", "in": ["x", "head"], "out": "logits"}]}"#,
            "'head' is a weight", false
        ),
        (
            #""blocks": {"head": [{"op": "split", "in": "x", "sizes": ["q_dim", "0"], "out": ["x", "logits"]}]}"#,
            "attribute 'sizes' requires at least 1, not [0]", false
        ),
    ])
    func theAuthorsLine(members: String, message: String, isInherited: Bool) throws {
        let (checked, loaded, _) = try SilentFaultTests.refusals(members)
        let error = try #require(loaded)
        #expect(checked == nil || checked?.description == error.description)
        #expect(error.description.contains(message), "\(error)")
        #expect(error.place?.file.hasSuffix("/sample.json") == true, "\(error)")
        guard case .text(let line, _)? = error.place?.position else { return #expect(Bool(false), "\(error)") }
        #expect(line == 3, "\(error)")
        #expect(error.description.contains("llama.json:") == isInherited, "\(error)")
    }

    @Test func aFaultOfWhatIsExtendedIsLeftThere() throws {
        let base = #"{"hadal": "architecture/1", "name": "base", "extends": "llama", "params": {"b": "nope"}}"#
        let child = #"{"hadal": "architecture/1", "name": "child", "extends": "base", "params": {"c": 1}}"#
        try Fixtures.withLibrary(["base": base, "child": child]) { library, folder in
            let problems = try library.check(file: "\(folder)/child.json", catalogue: OpCatalogue.load()).problems
            #expect(problems.first?.place?.file.hasSuffix("/base.json") == true, "\(problems)")
        }
    }

    /// One cause, one message, and no word of what is not used because of it.
    @Test(arguments: [
        #""blocks": {"attention": [{"op": "rms_norm", "in": "x", "weight": "attn_norm", "out": "h"}, {"block": "qkv"}, {"block": "rotat"}, {"block": "attend"}]}"#,
        #""params": {"d_model": null}"#,
        #""blocks": {"attend": [{"op": "attention", "in": ["q", "k", "v"], "heads": 1, "kv_heads": 1, "head_dim": 1, "value_dim": 1, "scale": 1, "out": "a"}]}"#,
        #""blocks": {"mlp": [{"op": "router", "in": "x", "weight": "gate_proj", "top_k": 1, "out": "chosen"}, {"op": "mul", "in": ["x", "share"], "out": "x"}]}"#,
        #""graph": [{"block": "embedding"}, {"repeat": "n_layers", "index": "head", "body": [{"block": "attention"}, {"block": "mlp"}, {"hidden": "{layer}", "in": "x"}]}, {"block": "head"}]"#,
        #""graph": [{"block": "embedding"}, {"repeat": "n_layers", "index": "i", "body": [{"block": "attention"}, {"block": "mlp"}, {"hidden": "{layer}", "in": "x"}]}, {"block": "head"}]"#,
        #""graph": [{"block": "embedding"}, {"block": "hed"}]"#,
        #""blocks": {"mlp": [{"op": "linaer", "in": "x", "weight": "gate_proj", "out": "h"}, {"op": "glu", "in": ["h", "h"], "out": "y"}]}"#,
    ])
    func oneMessageForOneCause(members: String) throws {
        let report = try #require(try SilentFaultTests.refusals(members).report)
        #expect(report.problems.count == 1 && report.notes.isEmpty, "\(report.problems) \(report.notes)")
    }

    @Test func aValueThatAConditionLeavesOutNamesTheCondition() throws {
        let members = """
            "blocks": {"mlp": [
              {"op": "scale", "in": "x", "factor": 2, "out": "y", "when": "layer > 0"},
              {"op": "add", "in": ["x", "y"], "out": "x"}]}
            """
        let (checked, loaded, _) = try SilentFaultTests.refusals(members)
        #expect(checked == nil)
        let text = try #require(loaded).description
        #expect(
            text.contains("sample.json:5:") && text.contains("no value 'y' has been made here") && text.contains("in layers.0.mlp"),
            "\(text)")
        #expect(text.contains("(layer > 0)") && text.contains("'when' at ") && text.contains("sample.json:4:"), "\(text)")
        // Where it is false for every model, the check says so.
        let never = try SilentFaultTests.refusals(members.replacing("\"layer > 0\"", with: "false"))
        #expect(never.checked?.message.contains("where 'when' is false (false)") == true && never.loaded == never.checked)
    }

    @Test(arguments: [
        ("relu2", "relu", false), ("qwen3", "qwen2", false), ("q_proj", "k_proj", false), ("b", "a", false), ("gelu", "silu", false),
        ("attn_norm", "ffn_norm", false),
        ("up_proj", "o_proj", false), ("layer_norm", "rms_norm", false), ("min", "max", false), ("mla2", "mla", false),
        ("linaer", "linear", true), ("atention", "attention", true), ("topk", "top_k", true), ("lama", "llama", true),
        ("parms", "params", true), ("wieght", "weight", true),
        ("Embed", "embed", true), ("lgits", "logits", true), ("embd", "embed", true), ("head-dim", "head_dim", true),
        ("n_heds", "n_heads", true), ("lung", "long", true),
    ])
    func suggestions(name: String, candidate: String, isMisspelling: Bool) {
        let hint = Suggestion.hint(for: name, among: [candidate, "something_else"])
        #expect(hint?.contains("did you mean '\(candidate)'?") == isMisspelling, "\(hint ?? "none")")
        if !isMisspelling { #expect(hint == "known: \([candidate, "something_else"].sorted().joined(separator: ", "))") }
    }

    @Test func valuesAreListedAndNeverGuessed() throws {
        let error = expectError(.unsupported) {
            try LanguageTests().parameters(
                #"{"a": {"type": "string", "config": "hidden_act", "map": {"relu": "relu", "silu": "silu"}}}"#,
                config: #"{"hidden_act": "relu2"}"#)
        }
        #expect(
            error?.description
                == "model/config.json:1:16: config.json hidden_act is 'relu2', which sample does not know (known: relu, silu)")
    }

    @Test func descriptionsThatCannotBeReadAreWarnedOfUnlessMeant() throws {
        func match(_ files: [String: String]) throws -> ArchitectureMatch {
            try Fixtures.withLibrary(files) { library, _ in try library.match(Families.model("llama")) }
        }
        // Of no concern to this model.
        let other = try match(["other": "{\"hadal\": ", "third": #"{"hadal": "architecture/1", "name": "third", "match": 3}"#])
        #expect(
            other.description.name == "llama" && other.warnings.count == 2 && other.warnings.allSatisfy { $0.contains("cannot be read") },
            "\(other.warnings)")
        #expect(try other.build(Families.model("llama"), catalogue: OpCatalogue.load()).warnings.count == 2)
        // It has the model's name, mentions it, or stands where a built-in one would match.
        expectError(.malformed, "llama.json:1:") { try match(["llama": "{\"hadal\": "]) }
        expectError(.malformed, "mine.json:1:") {
            try match(["mine": #"{"hadal": "architecture/1", "match": {"config.model_type": "llama"},"#])
        }
        expectError(.malformed, "mine.json:1:", "key 'match' appears twice") {
            try match(["mine": #"{"match": {"config.architectures": "LlamaForCausalLM"}, "match": {}}"#])
        }
        expectError(.malformed, "mine.json:1:") { try match(["mine": #"{"match": [{"config.model_type": "llama"}, {}]}"#]) }
    }

    @Test func whereNothingFitsTheTensorsCanStillBeAskedFor() throws {
        let library = try ArchitectureLibrary()
        #expect(library.unknown(try Families.model("llama")) == nil)
        let unknown = library.unknown(try FakeModel(config: #"{"model_type": "martian"}"#))
        #expect(unknown?.code == .unsupported && unknown?.message.contains("martian") == true)
        #expect(library.unknown(try FakeModel(metadata: ["general.architecture": .string("martian")]))?.code == .unsupported)
        #expect(library.unknown(try FakeModel(config: "{}"))?.code == .notFound)
    }
}
