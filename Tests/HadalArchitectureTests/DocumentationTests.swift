import HadalArchitecture
import HadalCore
import HadalGraph
import Testing
import TestSupport

/// The complete descriptions in docs/architectures.md are ones that work.
@Suite struct DocumentationTests {
    static func examples() throws -> [String] {
        let file = try MappedFile(path: "\(Fixtures.repository)/docs/architectures.md")
        let text = String(decoding: file.bytes, as: UTF8.self)
        return text.split(separator: "```json\n").dropFirst().compactMap { $0.split(separator: "\n```").first.map(String.init) }
            .filter { $0.contains("\"hadal\"") }
    }

    @Test func examplesPassTheCheckAndAreTheFixtures() throws {
        let examples = try Self.examples()
        #expect(examples.count == 2)
        for (text, fixture) in zip(examples, ["granite", "parallel"]) {
            let json = try JSONDocument(parsing: text, file: "docs/architectures.md").root
            #expect(try json == JSONDocument(parsing: Families.text("families/\(fixture).json"), file: fixture).root)
        }
    }

    @Test func everyOpAndAttributeIsListed() throws {
        let file = try MappedFile(path: "\(Fixtures.repository)/docs/architectures.md")
        let lines = String(decoding: file.bytes, as: UTF8.self).split(separator: "\n")
        for (name, contract) in try OpCatalogue.load().contracts {
            let row = lines.last { $0.hasPrefix("| `\(name)` |") }.map(String.init) ?? ""
            for item in contract.inputs.map(\.name) + contract.attributes.map(\.name) { #expect(row.contains("`\(item)`"), "\(name) \(item)") }
        }
    }
}
