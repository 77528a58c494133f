import HadalArchitecture
import HadalCore
import HadalGraph
import Testing
import TestSupport

/// Descriptions that would compute something else than was meant, without a word: both the check and loading refuse them.
@Suite struct SilentFaultTests {
    /// What extends llama with these members says in the check, and when the checkpoint `llama` is loaded.
    static func refusals(_ members: String, model name: String = "llama", kernels: [String] = []) throws -> (
        checked: HadalError?, loaded: HadalError?, report: CheckReport?
    ) {
        let text = "{\n\"hadal\": \"architecture/1\", \"name\": \"sample\", \"extends\": \"llama\",\n\(members)\n}"
        return try Fixtures.withLibrary(["sample": text]) { library, folder in
            let catalogue = try OpCatalogue.load(adding: kernels)
            var report: CheckReport?
            let checked = try OneCheckerTests.first {
                report = try library.check(file: "\(folder)/sample.json", catalogue: catalogue)
                return report?.problems.first
            }
            let model = try Families.model(name)
            let loaded = try OneCheckerTests.first {
                _ = try library.match(model, file: "\(folder)/sample.json").build(model, catalogue: catalogue)
                return nil
            }
            return (checked, loaded, report)
        }
    }

    @Test(arguments: [
        // The rows whose logits are asked for are not picked.
        (#""blocks": {"head": [{"op": "linear", "in": "x", "weight": "head", "out": "logits"}]}"#, "logits must be [R, V]", 3),
        (
            #""blocks": {"head": [{"op": "gather_rows", "in": ["x", "rows"], "out": "y"}, {"op": "linear", "in": "x", "weight": "head", "out": "logits"}]}"#,
            "these are [T, …]", 3
        ),
        (
            #""blocks": {"head": [{"op": "gather_rows", "in": ["x", "rows"], "out": "y"}, {"op": "add", "in": ["x", "y"], "out": "logits"}]}"#,
            "'x' has T rows, 'y' has R", 3
        ),
        (
            #""blocks": {"head": [{"op": "gather_rows", "in": ["x", "rows"], "out": "x", "when": false}, {"op": "linear", "in": "x", "weight": "head", "out": "logits"}]}"#,
            "logits must be", 3
        ),
        // One cache for all layers.
        (#""state": {"kv": {"layers": null}}"#, "state 'kv' has no 'layers'", 3),
        (#""state": {"kv": {"layers": 1}}"#, "state 'kv' has 1 layers, and the 'repeat' over 'layer' goes beyond them", 3),
        // A list is no text, a text no number, and what is looked for is of the kind of what is searched.
        (
            #""params": {"kinds": {"type": "string", "per": "n_layers", "default": "'a'"}, "b": "kinds == 'a' ? 1 : 2"}"#,
            "a list is never equal to 'a'", 3
        ),
        (
            #""params": {"kinds": {"type": "string", "per": "n_layers", "default": "'a'"}}, "require": ["kinds != 'a'"]"#,
            "a list is never equal", 3
        ),
        (
            #""params": {"kinds": {"type": "string[]", "default": "['a']"}}, "variants": {"v": {"when": "kinds == 'a'"}}"#,
            "a list is never equal", 3
        ),
        (
            #""params": {"kinds": {"type": "int[]", "default": "[1]"}, "b": {"type": "bool", "default": "kinds == 1"}}"#,
            "a list is never equal to a number", 3
        ),
        (
            #""params": {"kinds": {"type": "string", "config": "x", "default": "'a'"}, "b": "kinds == 3 ? 1 : 2"}"#,
            "a text is never equal to a number", 3
        ),
        (#""params": {"b": "tie_embeddings == 1 ? 1 : 2"}"#, "is never equal to a number", 3),
        (
            #""params": {"kinds": {"type": "string[]", "default": "['a']"}, "b": "contains(kinds, 3) ? 1 : 2"}"#,
            "contains(): a text is never equal to a number", 3
        ),
        (#""params": {"b": "contains(activation, 'silu') ? 1 : 2"}"#, "contains() takes a list", 3),
        (
            #""params": {"kinds": {"type": "string", "per": "n_layers", "default": "'a'"}, "b": "contains(kinds, ['a']) ? 1 : 2"}"#,
            "is never equal", 3
        ),
        (#""params": {"b": "activation + 1"}"#, "'+' takes a number, not a text", 3),
        (#""params": {"b": "n_heads ? 1 : 2"}"#, "what stands before '?' takes true or false, not a number", 3),
        (
            #""blocks": {"mlp": [{"op": "scale", "in": "x", "factor": "activation", "out": "x"}]}"#,
            "attribute 'factor': activation is a text, not a number or null", 3
        ),
    ])
    func refused(members: String, message: String, line: Int) throws {
        let (checked, loaded, _) = try Self.refusals(members)
        #expect(checked?.message.contains(message) == true, "\(checked.map(\.description) ?? "accepted")")
        #expect(checked?.place?.position == loaded?.place?.position && checked?.description == loaded?.description)
        guard case .text(line, _)? = checked?.place?.position else {
            return #expect(Bool(false), "\(checked?.place?.description ?? "no place")")
        }
        #expect(checked?.place?.file.hasSuffix("/sample.json") == true)
    }

    @Test(arguments: [
        // Rotary settings that a family does without, one at a time.
        #""params": {"rope_type": null}, "rope": {"main": {"type": null}}"#,
        #""params": {"rope_original_length": null}, "rope": {"main": {"original_length": null, "type": null}}"#,
        #""params": {"rope_factor": null}, "rope": {"main": {"factor": null, "type": null}}"#,
        // Naming a cache on purpose, twice as well.
        #""blocks": {"attend": [{"op": "attention", "in": ["q", "k", "v"], "state": "kv", "state_index": "max(layer - 1, 0)", "heads": "n_heads", "kv_heads": "n_kv_heads", "head_dim": "head_dim", "value_dim": "value_dim", "scale": "attention_scale", "out": "a"}, {"op": "linear", "in": "a", "weight": "o_proj", "out": "a"}]"#
            + "}",
        #""state": {"kv": {"layers": null}}, "blocks": {"attend": [{"op": "attention", "in": ["q", "k", "v"], "state": "kv", "state_index": 0, "heads": "n_heads", "kv_heads": "n_kv_heads", "head_dim": "head_dim", "value_dim": "value_dim", "scale": "attention_scale", "out": "a"}, {"op": "linear", "in": "a", "weight": "o_proj", "out": "a"}]"#
            + "}",
        // What may be null is compared with anything.
        #""params": {"b": "rope_mscale == null ? 1 : 2", "c": "rope_truncate == true ? 1 : 2", "d": {"type": ["bool", "string"], "config": "x", "default": true}, "e": "d == true || d == 'x' ? 1 : 0"}"#,
        // A parameter that a family does without is null, and what would use it lies behind a condition.
        #""params": {"window": {"type": null, "gguf": null, "minimum": null, "default": "null"}, "layer_window": {"value": "window == null ? 0 : window * 2"}}"#,
        #""params": {"letters": {"type": "string", "config": "x", "default": "'MEM*-E'"}, "kinds": {"type": "string", "per": "n_layers", "default": "letters[layer]"}, "b": "kinds[0] == 'M' ? len(letters) : 0"}"#,
        #""params": {"n_experts": {"minimum": 0}, "activation": {"default": "'swish'"}}"#,
    ])
    func stillAccepted(members: String) throws {
        let (checked, loaded, _) = try Self.refusals(members)
        #expect(checked == nil && loaded == nil, "\(checked.map(\.description) ?? "") \(loaded.map(\.description) ?? "")")
    }

    @Test func aCacheForOneOfTheLayersIsLegalAndForTwoIsNot() throws {
        func members(_ when: String) -> String {
            """
            "state": {"kv": {"layers": null}}, "graph": [{"block": "embedding"}, {"repeat": "n_layers", "body": [{"block": "attention", "when": "\(when)"}, {"block": "mlp"}]}, {"block": "head"}]
            """
        }
        let one = try Self.refusals(members("layer == 1"))
        #expect(one.checked == nil && one.loaded == nil, "\(one.loaded.map(\.description) ?? "")")
        // Which layers they are, a model decides.
        let two = try Self.refusals(members("layer != 1"))
        #expect(two.checked == nil && two.loaded?.message.contains("nodes of several repetitions append to it") == true)
    }

    @Test func aTextThatNoChoiceEqualsIsNotedAndWarnedOf() throws {
        let members =
            #""params": {"kinds": {"type": "string", "per": "n_layers", "config": "kinds", "default": "'dense'", "choices": ["dense", "sparse"]}}, "require": ["kinds[0] != 'sparce'"]"#
        let (checked, loaded, report) = try Self.refusals(members)
        #expect(checked == nil && loaded == nil)
        #expect(
            report?.warnings.count == 1
                && report?.notes.contains { $0.contains("sample.json:3:") && $0.contains("one of 'dense', 'sparse' and never 'sparce'") }
                    == true,
            "\(report?.notes ?? [])")
        // The values of a map are choices, too.
        let mapped = try Self.refusals(#""require": ["activation != 'gelu_new'"]"#)
        #expect(mapped.report?.warnings.first?.contains("never 'gelu_new'") == true, "\(mapped.report?.warnings ?? [])")
    }

    @Test func theVocabularyIsThatOfTheLogits() throws {
        let (checked, loaded, _) = try Self.refusals(#""model": {"vocabulary_size": "vocab_size + 1"}"#)
        #expect(checked == nil && loaded?.message.contains("logits must be [R, V]") == true, "\(loaded.map(\.description) ?? "")")
    }

    @Test func aListThatAFileGivesIsNotComparedEither() throws {
        let text =
            "{\(LanguageTests.head), \"name\": \"sample\", \"params\": {\"a\": {\"config\": \"a\"}}, \"require\": [\"a != 'x'\"], \(LanguageTests.graph)}"
        #expect(throws: Never.self) { try LanguageTests().build(text, config: #"{"a": "y"}"#) }
        expectError(.invalidArgument, "a list is never equal to 'x'") { try LanguageTests().build(text, config: #"{"a": ["x"]}"#) }
    }
}
