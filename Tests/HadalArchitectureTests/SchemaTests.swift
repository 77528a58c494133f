@testable import HadalArchitecture
import HadalCore
import HadalGraph
import Testing
import TestSupport

/// The published schema says what the parser knows.
@Suite struct SchemaTests {
    let schema: JSON

    init() throws {
        schema = try JSONDocument(contentsOf: "\(Fixtures.repository)/Sources/HadalArchitecture/Resources/architecture.schema.json").root
    }

    func keys(_ json: JSON?) -> Set<String> { Set(json?["properties"]?.object?.keys ?? []) }

    @Test func keysAgree() throws {
        #expect(schema["$schema"]?.string == "https://json-schema.org/draft/2020-12/schema")
        #expect(keys(schema) == Set(ArchitectureDescription.keys))
        let definitions = try #require(schema["$defs"])
        #expect(keys(definitions["rope"]) == Set(RopeSpec.keys + ["help"]))
        #expect(keys(definitions["transform"]) == Set(TransformStep.names))
        let node = definitions["statement"]?["oneOf"]?.array?.first
        #expect(keys(node) == Set(Statement.NodeSpec.keys))
        let types = Set(
            (definitions["parameter"]?["anyOf"]?.array?.last?["properties"]?["type"]?["anyOf"]?.array?.first?["enum"]?.array ?? [])
                .compactMap(\.string))
        #expect(types == Set(ParameterSpec.Kind.allCases.flatMap { [$0.rawValue, $0.rawValue + "[]"] }))
        let kinds = (definitions["state"]?["properties"]?["kind"]?["enum"]?.array ?? []).compactMap(\.string)
        #expect(Set(kinds) == Set(StateSpec.Kind.allCases.map(\.rawValue)))
    }

    /// A key that the schema lists must be one that the parser takes: an object with all of them may fail, but not for an unknown key.
    @Test(arguments: ["parameter", "weight", "state", "rope", "variant", "graph"])
    func theParserTakesEveryKeyOfTheSchema(name: String) throws {
        let definition = try #require(schema["$defs"]?[name])
        let properties = keys(definition).isEmpty ? keys(definition["anyOf"]?.array?.last) : keys(definition)
        #expect(!properties.isEmpty)
        let section = [
            "parameter": "params", "weight": "weights", "state": "state", "rope": "rope", "variant": "variants", "graph": "graphs",
        ]
        for key in properties {
            let text = "{\"hadal\": \"architecture/1\", \"name\": \"sample\", \"\(section[name] ?? "")\": {\"thing\": {\"\(key)\": \"x\"}}}"
            do {
                let document = JSONDocument(merging: [try JSONDocument(parsing: text, file: "f")])
                _ = try ArchitectureDescription(document, files: [])
            } catch let error as HadalError { #expect(!error.message.contains("unknown key"), "\(error)") }
        }
    }

    @Test func builtInDescriptionsPassTheCheck() throws {
        let library = try ArchitectureLibrary()
        let catalogue = try OpCatalogue.load()
        #expect(library.list.count >= 25)
        for entry in library.list {
            // Parts of others use names that those have.
            let root = try JSONDocument(contentsOf: entry.path).root
            if root["graph"] == nil, root["extends"] == nil { continue }
            let report = try library.check(file: entry.path, catalogue: catalogue)
            #expect(report.problems.isEmpty, "\(entry.name): \(report.problems)")
            #expect(report.notes.isEmpty, "\(entry.name): \(report.notes)")
        }
    }

    @Test func everyDescriptionAndExampleFits() throws {
        let schema = JSONSchema(root: schema)
        for description in try DocumentationTests.descriptions() {
            #expect(try schema.fault(description.root) == nil, "\(description.file)")
        }
        for path in ["granite", "latent", "mixtral", "olmo2", "parallel", "smollm3"] {
            #expect(try schema.fault(JSONDocument(parsing: Families.text("families/\(path).json"), file: path).root) == nil, "\(path)")
        }
    }

    @Test(arguments: [
        (#""params": null, "state": null, "graph": null, "rope": {"main": null}, "match": null, "variants": null"#, true),
        (#""params": {"a": {"type": ["bool", "string"], "config": "x", "index": null, "map": null}}"#, true),
        (#""params": {"a": {"type": ["bool"], "config": "x"}}"#, false),
        (#""params": {"a": {"type": ["bool", "string[]"], "config": "x"}}"#, false),
        (#""params": {"a": {"type": "number", "config": "x"}}"#, false),
        (#""state": {"kv": {"kind": "rolling"}}"#, false),
        (#""weights": {"w": {"shape": [1], "safetensors": {"name": "t", "transform": null, "stored": null}}}"#, true),
        (#""blocks": {"b": [{"op": "scale", "in": "x", "factor": null, "out": "x"}]}"#, false),
        (#""blocks": {"b": [{"op": "scale", "in": "x", "factor": "null", "out": "x"}]}"#, true),
        (#""blocks": {"b": [{"op": "scale", "in": "x", "factor": 2}]}"#, false),
        (#""wieghts": {}"#, false),
    ])
    func theSchemaSaysWhatTheProgramSays(members: String, isLegal: Bool) throws {
        let text = "{\"hadal\": \"architecture/1\", \"name\": \"sample\", \"extends\": \"llama\", \(members)}"
        #expect(try JSONSchema(root: schema).fault(JSONDocument(parsing: text, file: "sample").root) == nil ? isLegal : !isLegal)
        try Fixtures.withLibrary(["sample": text]) { library, folder in
            let refusal = try OneCheckerTests.first {
                _ = try library.description(file: "\(folder)/sample.json"); return nil
            }
            #expect((refusal == nil) == isLegal, "\(refusal.map(\.description) ?? "accepted")")
        }
    }

    /// What the program takes, the schema allows; and an unknown key the schema refuses as the program does.
    @Test func mutatedDescriptions() throws {
        let catalogue = try OpCatalogue.load()
        let schema = JSONSchema(root: schema)
        let library = try ArchitectureLibrary()
        let folder = try Fixtures.temporaryDirectory()
        defer { Fixtures.remove(folder) }
        var random = SeededGenerator(seed: 4)
        let subjects = try OneCheckerTests.subjects()
        var (taken, unknown) = (0, 0)
        for round in 0..<1200 {
            let subject = subjects[round % subjects.count]
            let mutated = OneCheckerTests.mutated(try JSONDocument(parsing: subject.text, file: subject.name).root, &random)
            let file = "\(folder)/\(subject.name).json"
            try Fixtures.write(mutated.text(), to: file)
            defer { Fixtures.remove(file) }
            let refusal = try OneCheckerTests.first { try library.check(file: file, catalogue: catalogue).problems.first }
            let fault = try schema.fault(JSONDocument(parsing: mutated.text(), file: "mutated").root)
            if refusal == nil {
                taken += 1
                #expect(fault == nil, "\(subject.name): \(mutated.text())")
            } else if let refusal, refusal.message.contains("unknown key"), refusal.place?.file == file {
                unknown += 1
                #expect(fault != nil, "\(refusal): \(mutated.text())")
            }
        }
        #expect(taken > 150 && unknown > 5, "\(taken) \(unknown)")
    }
}
