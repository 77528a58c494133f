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
        let types = Set((definitions["parameter"]?["anyOf"]?.array?.last?["properties"]?["type"]?["enum"]?.array ?? []).compactMap(\.string))
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
        let section = ["parameter": "params", "weight": "weights", "state": "state", "rope": "rope", "variant": "variants", "graph": "graphs"]
        for key in properties {
            let text = "{\"hadal\": \"architecture/1\", \"name\": \"sample\", \"\(section[name] ?? "")\": {\"thing\": {\"\(key)\": \"x\"}}}"
            do {
                let document = JSONDocument(merging: [try JSONDocument(parsing: text, file: "f")])
                _ = try ArchitectureDescription(document, files: [])
            } catch let error as HadalError { #expect(!error.message.contains("unknown key"), "\(error)") }
        }
    }

    @Test(arguments: ["deepseek_v2", "deepseek_v3", "gemma2", "gemma3", "gpt_oss", "llama", "mistral", "mixtral", "olmoe", "phi3", "qwen2", "qwen3", "qwen3_moe"])
    func builtInDescriptionsPassTheCheck(name: String) throws {
        let library = try ArchitectureLibrary()
        let entry = try #require(library.list.first { $0.name == name })
        let report = try library.check(file: entry.path, catalogue: OpCatalogue.load())
        #expect(report.problems.isEmpty, "\(report.problems)")
        #expect(report.notes.isEmpty, "\(report.notes)")
        #expect(library.list.count == 13)
    }
}
