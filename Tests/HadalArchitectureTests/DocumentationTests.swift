import Foundation
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

    /// Every built-in description, and every one that a page of docs/ has in full.
    static func descriptions() throws -> [JSONDocument] {
        let resources = "\(Fixtures.repository)/Sources/HadalArchitecture/Resources", docs = "\(Fixtures.repository)/docs"
        let files = try FileManager.default.contentsOfDirectory(atPath: resources).filter {
            $0.hasSuffix(".json") && !$0.hasSuffix(".schema.json")
        }
        var all = try files.sorted().map { try JSONDocument(contentsOf: "\(resources)/\($0)") }
        for page in try FileManager.default.contentsOfDirectory(atPath: docs).filter({ $0.hasSuffix(".md") }).sorted() {
            let text = try String(contentsOfFile: "\(docs)/\(page)", encoding: .utf8)
            let blocks = text.split(separator: "```json\n").dropFirst().compactMap { $0.split(separator: "\n```").first.map(String.init) }
            all += try blocks.filter { $0.contains("\"architecture/1\"") }.map { try JSONDocument(parsing: $0, file: "docs/\(page)") }
        }
        return all
    }

    /// With the ops that the pages define.
    @Test func everyDescriptionPassesTheCheck() throws {
        let catalogue = try OpCatalogue.load(adding: [Fixtures.path("kernels")])
        let folder = try Fixtures.temporaryDirectory()
        defer { Fixtures.remove(folder) }
        let library = try ArchitectureLibrary()
        var fromDocs: [String] = []
        for description in try Self.descriptions() {
            // Parts of others use names that those have.
            if description.root["graph"] == nil, description.root["extends"] == nil { continue }
            let name = try #require(description.root["name"]?.string)
            if description.file.hasPrefix("docs/") { fromDocs.append(name) }
            try Fixtures.write(description.root.text(), to: "\(folder)/\(name).json")
            defer { Fixtures.remove("\(folder)/\(name).json") }
            let report = try library.check(file: "\(folder)/\(name).json", catalogue: catalogue)
            #expect(report.problems.isEmpty, "\(description.file) \(name): \(report.problems)")
            #expect(report.warnings.isEmpty, "\(description.file) \(name): \(report.warnings)")
        }
        #expect(Set(fromDocs).isSuperset(of: ["granite", "parallel", "relu2", "convolved", "fading"]))
    }

    @Test func theOpsOfThePageAreTheFixtures() throws {
        let page = try String(contentsOfFile: "\(Fixtures.repository)/docs/kernels.md", encoding: .utf8)
        for file in [
            "causal_conv/op.json", "causal_conv/cpu.c", "convolved.json", "fading_sum/op.json", "fading_sum/cpu.c",
            "fading_sum/vulkan.comp", "fading.json",
        ] {
            let text = try String(contentsOfFile: Fixtures.path("kernels/\(file)"), encoding: .utf8)
            #expect(page.contains("\n\(text.trimmingCharacters(in: .newlines))\n```"), "\(file)")
        }
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
            for item in contract.inputs.map(\.name) + contract.attributes.map(\.name) {
                #expect(row.contains("`\(item)`"), "\(name) \(item)")
            }
        }
    }
}
