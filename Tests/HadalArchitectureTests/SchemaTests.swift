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

    @Test func builtInDescriptionsPassTheCheck() throws {
        let library = try ArchitectureLibrary()
        let catalogue = try OpCatalogue.load()
        #expect(library.list.count >= 25)
        for entry in library.list {
            let report = try library.check(file: entry.path, catalogue: catalogue)
            #expect(report.problems.isEmpty, "\(entry.name): \(report.problems)")
            #expect(report.notes.isEmpty, "\(entry.name): \(report.notes)")
        }
    }
}
