import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// What the language's constructs mean, on descriptions as small as they can be.
@Suite struct LanguageTests {
    static let head = """
        "hadal": "architecture/1", "model": {"layers": 1, "width": 4, "context_length": 8, "vocabulary_size": 4}
        """
    static let graph = """
        "weights": {"embed": {"safetensors": "e", "gguf": "e", "shape": [3, 4]}},
        "graph": [{"op": "embedding", "in": "rows", "weight": "embed", "out": "logits"}]
        """

    func build(_ text: String, config: String = "{}", tensors: [(String, DType, [Int])] = [("e", .f32, [3, 4])]) throws -> ModelGraph {
        try Fixtures.withLibrary(["sample": text]) { library, folder in
            let model = try FakeModel(config: config, tensors: tensors)
            return try library.match(model, file: "\(folder)/sample.json").build(model, catalogue: OpCatalogue.load())
        }
    }

    func parameters(_ params: String, config: String = "{}") throws -> [String: ExpressionValue] {
        let model = try build("{\(Self.head), \"name\": \"sample\", \"params\": \(params), \(Self.graph)}", config: config)
        return Dictionary(model.parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
    }

    @Test func sourcesAreTriedInOrder() throws {
        let params = """
            {"a": {"type": "int", "config": ["x.y", "z"], "default": 5}, "b": "a * 2", "c": {"config": "gone", "default": "b + 1"},
             "d": {"type": "float", "config": "z", "null": "a", "default": 7}, "s": {"config": "kind", "default": "'one'", "map": {"one": 1, "two": 2}}}
            """
        #expect(try parameters(params) == ["a": .int(5), "b": .int(10), "c": .int(11), "d": .float(7), "s": .int(1)])
        let given = try parameters(params, config: #"{"x": {"y": 3}, "z": null, "kind": "two"}"#)
        #expect(given == ["a": .int(3), "b": .int(6), "c": .int(7), "d": .float(3), "s": .int(2)])
        #expect(try parameters(params, config: #"{"x": {"y": null}, "z": 4}"#)["a"] == .int(4))
    }

    @Test func listsPerLayer() throws {
        let params = """
            {"n": 3, "same": {"type": "int", "per": "n", "config": "w"}, "own": {"per": "n", "value": "layer * layer"},
             "even": {"type": "bool", "per": "n", "config": "e", "default": "layer % 2 == 0"}, "total": "sum(own)"}
            """
        let values = try parameters(params, config: #"{"w": 7, "e": [false, false, true]}"#)
        #expect(values["same"] == .array([.int(7), .int(7), .int(7)]))
        #expect(values["own"] == .array([.int(0), .int(1), .int(4)]) && values["total"] == .int(5))
        #expect(values["even"] == .array([.bool(false), .bool(false), .bool(true)]))
        expectError(.mismatch, "has 2 entries") { try parameters(params, config: #"{"w": [1, 2]}"#) }
    }

    @Test(arguments: [
        (#"{"a": {"type": "int", "config": "x"}}"#, #"{"x": 1.5}"#, HadalError.Code.mismatch, "must be an integer, not 1.5"),
        (#"{"a": {"type": "int", "config": "x"}}"#, #"{"x": {"y": 1}}"#, .mismatch, "is an object"),
        (#"{"a": {"type": "int", "config": "x", "minimum": 1}}"#, #"{"x": 0}"#, .mismatch, "at least 1"),
        (#"{"a": {"type": "int", "config": "x", "maximum": 9}}"#, #"{"x": 10}"#, .mismatch, "at most 9"),
        (#"{"a": {"type": "string", "config": "x", "choices": ["p", "q"]}}"#, #"{"x": "r"}"#, .mismatch, "one of 'p', 'q'"),
        (
            #"{"a": {"type": "string", "config": "x", "map": {"gelu": "g"}}}"#, #"{"x": "gelo"}"#, .unsupported,
            "which sample does not know (known: gelu)"
        ),
        (#"{"a": {"type": "int", "config": "hidden_size"}}"#, "{}", .notFound, "key 'hidden_size' is missing"),
        (#"{"a": "b", "b": "c + 1", "c": "a"}"#, "{}", .malformed, "a -> b -> c -> a"),
        (#"{"a": "1 / 0"}"#, "{}", .invalidArgument, "division by zero"),
        (#"{"long": 3, "a": "lung"}"#, "{}", .notFound, "did you mean 'long'?"),
        (#"{"a": {"per": 1000000000, "value": 1}}"#, "{}", .mismatch, "between 0 and"),
        (#"{"a": {"value": 1, "default": 2}}"#, "{}", .malformed, "derived parameter"),
        (#"{"a": {"confg": "x"}}"#, "{}", .malformed, "unknown key 'confg'"),
        (#"{"a": "3 +"}"#, "{}", .malformed, "expected a value"),
    ])
    func faultyParameters(params: String, config: String, code: HadalError.Code, message: String) throws {
        expectError(code, message) { try parameters(params, config: config) }
    }

    @Test func placesNameFileLineAndColumn() throws {
        let text = "{\n  \(Self.head),\n  \"name\": \"sample\",\n  \"parms\": {},\n  \(Self.graph)\n}"
        expectError(.malformed, "sample.json:4:3: architecture: unknown key 'parms' (did you mean 'params'?)") { try build(text) }
        let config = expectError(.mismatch) {
            try parameters(#"{"a": {"type": "int", "config": "x.y"}}"#, config: "{\n \"x\": {\n  \"y\": \"no\"}}")
        }
        #expect(config?.description.hasPrefix("model/config.json:3:8: ") == true, "\(config.map(\.description) ?? "")")
    }

    @Test func extendingIsAMergePatch() throws {
        let base =
            "{\(Self.head), \"name\": \"base\", \"match\": {\"config.model_type\": \"base\"}, \"params\": {\"a\": {\"default\": 1, \"help\": \"first\"}, \"b\": 2}, \(Self.graph)}"
        let child =
            #"{"hadal": "architecture/1", "name": "child", "extends": "base", "match": {"config.model_type": "child"}, "params": {"a": {"default": 5}, "b": null, "c": "a + 1"}}"#
        try Fixtures.withLibrary(["base": base, "child": child]) { library, _ in
            let description = try library.description(named: "child")
            #expect(description.json["params"]?["a"]?.text() == #"{"default": 5, "help": "first"}"#)
            #expect(description.json["params"]?["b"]?.isNull ?? true)
            #expect(description.json["match"]?.text() == #"{"config.model_type": "child"}"#)
            #expect(description.files.count == 2)
            let model = try FakeModel(config: #"{"model_type": "child"}"#, tensors: [("e", .f32, [3, 4])])
            let built = try library.match(model).build(model, catalogue: OpCatalogue.load())
            #expect(built.architecture == "child" && built.parameters.map(\.value) == [.int(5), .int(6)])
        }
        // A fault in what is extended is placed in that file.
        try Fixtures.withLibrary([
            "base": base.replacing("\"b\": 2", with: "\"b\": \"nope\""), "child": child.replacing("\"b\": null, ", with: ""),
        ]) { library, _ in
            let model = try FakeModel(config: #"{"model_type": "child"}"#, tensors: [("e", .f32, [3, 4])])
            let error = expectError(.notFound, "unknown name 'nope'") {
                try library.match(model).build(model, catalogue: OpCatalogue.load())
            }
            #expect(error?.place?.file.hasSuffix("/base.json") == true)
        }
    }

    @Test func circlesAreFound() throws {
        let a = #"{"hadal": "architecture/1", "name": "a", "extends": "b"}"#,
            b = #"{"hadal": "architecture/1", "name": "b", "extends": "a"}"#
        _ = try Fixtures.withLibrary(["a": a, "b": b]) { library, _ in
            expectError(.malformed, "round in circles") { try library.description(named: "a") }
        }
        let blocks =
            "{\(Self.head), \"name\": \"sample\", \"weights\": {}, \"blocks\": {\"p\": [{\"block\": \"q\"}], \"q\": [{\"block\": \"p\"}]}, \"graph\": [{\"block\": \"p\"}]}"
        expectError(.malformed, "p -> q -> p") { try build(blocks) }
    }

    @Test func theMostSpecificRuleWinsAndATieIsAnError() throws {
        func text(_ name: String, _ match: String) -> String { "{\(Self.head), \"name\": \"\(name)\", \"match\": \(match), \(Self.graph)}" }
        let files = [
            "one": text("one", #"{"config.model_type": "t"}"#),
            "two": text("two", #"[{"config.model_type": "t", "config.kind": [1, 2]}, {"config.architectures": "Thing"}]"#),
            "twin": text("twin", #"{"config.model_type": "same"}"#), "twin2": text("twin2", #"{"config.model_type": "same"}"#),
        ]
        try Fixtures.withLibrary(files) { (library: ArchitectureLibrary, _: String) throws in
            func match(_ config: String) throws -> ArchitectureMatch { try library.match(FakeModel(config: config)) }
            #expect(try match(#"{"model_type": "t"}"#).description.name == "one")
            #expect(
                try match(#"{"model_type": "t", "kind": 2}"#).reasons == [
                    "matched two because config.model_type is \"t\" and config.kind is 2"
                ])
            #expect(try match(#"{"architectures": ["Other", "Thing"]}"#).description.name == "two")
            expectError(.mismatch, "more than one architecture: twin") { try match(#"{"model_type": "same"}"#) }
            let none = expectError(.unsupported) { try match("{\n\"model_type\": \"martian\"}") }
            #expect(none?.description.hasPrefix("model/config.json:2:15: unknown model_type \"martian\"") == true)
            #expect(none?.hint?.description.contains("mistral, mistral4, mixtral") == true)
        }
    }

    @Test func aUsersDescriptionReplacesTheBuiltInOne() throws {
        let text =
            #"{"hadal": "architecture/1", "name": "llama", "extends": "llama", "match": {"config.model_type": "llama"}, "summary": "mine"}"#
        try Fixtures.withLibrary(["llama": text]) { library, folder in
            #expect(library.list.first { $0.name == "llama" }?.path == "\(folder)/llama.json")
            let model = try Families.model("llama")
            let match = try library.match(model)
            #expect(match.description.summary == "mine")
            #expect(try match.build(model, catalogue: OpCatalogue.load()).layerCount == 3)
        }
    }

    @Test func variantsMayChangeTheDescription() throws {
        let variants =
            #""params": {"a": {"config": "a", "default": 0}, "b": 1}, "variants": {"big": {"when": "a > 5", "patch": {"params": {"b": 2}}}, "odd": {"when": "a % 2 == 1"}}"#
        let text = "{\(Self.head), \"name\": \"sample\", \(variants), \(Self.graph)}"
        let big = try build(text, config: #"{"a": 6}"#)
        #expect(big.variant == "big" && big.parameters.last?.value == .int(2))
        #expect(try build(text).variant == nil)
        #expect(try build(text, config: #"{"a": 1}"#).reasons.last == "variant odd because a % 2 == 1 (a is 1)")
        expectError(.mismatch, "more than one variant of sample") { try build(text, config: #"{"a": 7}"#) }
    }

    @Test func expansionIsBounded() throws {
        let doubling = (0..<30).map { "\"b\($0)\": [{\"block\": \"b\($0 + 1)\"}, {\"block\": \"b\($0 + 1)\"}]" }.joined(separator: ", ")
        let text = "{\(Self.head), \"name\": \"sample\", \"blocks\": {\(doubling), \"b30\": []}, \"graph\": [{\"block\": \"b0\"}]}"
        expectError(.limitExceeded, "statements") { try build(text) }
        let loops =
            "{\(Self.head), \"name\": \"sample\", \(Self.graph.dropLast()), {\"repeat\": 90000, \"index\": \"i\", \"body\": [{\"repeat\": 90000, \"index\": \"j\", \"body\": []}]}]}"
        expectError(.limitExceeded, "statements") { try build(loops) }
    }

    @Test(arguments: [
        (#"{"op": "linaer", "in": "x", "weight": "embed", "out": "logits"}"#, HadalError.Code.notFound, "did you mean 'linear'?"),
        (#"{"op": "linear", "in": "x", "wieght": "embed", "out": "logits"}"#, .malformed, "did you mean 'weight'?"),
        (#"{"op": "linear", "in": "x", "weight": "embd", "out": "logits"}"#, .notFound, "did you mean 'embed'?"),
        (#"{"op": "linear", "in": "y", "weight": "embed", "out": "logits"}"#, .notFound, "no value 'y' has been made here"),
        (#"{"op": "linear", "in": "x", "out": "logits"}"#, .mismatch, "weight 'weight' is missing"),
        (#"{"op": "add", "in": "x", "out": "logits"}"#, .mismatch, "input 'b' is missing"),
        (#"{"op": "split", "in": "x", "sizes": [2, 3], "out": ["logits", "z"]}"#, .mismatch, "sum(sizes) == D"),
        (#"{"op": "scale", "in": "x", "out": "logits"}"#, .mismatch, "attribute 'factor' is missing"),
        (#"{"op": "activation", "in": "x", "kind": "silu", "out": "logits"}"#, .notFound, "unknown name 'silu'"),
        (#"{"op": "activation", "in": "x", "kind": "'sulu'", "out": "logits"}"#, .mismatch, "requires one of silu"),
        (#"{"op": "rope", "in": ["x", "positions"], "heads": 1, "table": "t", "out": "logits"}"#, .notFound, "no rope table 't'"),
        (#"{"op": "add", "in": ["x", "x"], "out": ["logits", "z"]}"#, .mismatch, "1 outputs (y), not 2"),
        (#"{"block": "b"}"#, .notFound, "unknown block 'b'"),
        (#"{"hidden": "{layer}", "in": "x"}"#, .notFound, "is not an index here"),
        (#"{"opp": 1}"#, .malformed, "needs 'op', 'block', 'repeat' or 'hidden'"),
    ])
    func faultyStatements(statement: String, code: HadalError.Code, message: String) throws {
        let graph = Self.graph.replacing("\"out\": \"logits\"}", with: "\"out\": \"x\"}, \(statement)")
        let text = "{\(Self.head), \"name\": \"sample\", \(graph)}"
        let error = expectError(code, message) { try build(text) }
        #expect(error?.place?.file.hasSuffix("sample.json") == true)
        // The check without a model finds what needs no shapes.
        if message.contains("sum(") { return }
        try Fixtures.withLibrary(["sample": text]) { library, folder in
            let catalogue = try OpCatalogue.load()
            var found: [HadalError] = []
            do { found = try library.check(file: "\(folder)/sample.json", catalogue: catalogue).problems } catch let error as HadalError {
                found = [error]
            }
            #expect(found.contains { $0.description.contains(message) }, "\(found)")
        }
    }
}
