import Foundation
import HadalGraph
import TestSupport
import Testing

/// An op is added by adding its folder: no Swift lists ops by name.
@Suite struct OpNameTests {
    /// Names in files that mean something else there.
    private static let otherMeanings: [String: Set<String>] = [
        // Keys and values of architecture descriptions and of the files that they read.
        "TransformStep.swift": ["add", "scale"], "StaticCheck+Node.swift": ["scale"], "GraphExpansion.swift": ["scale"],
        "RopeSpec.swift": ["scale"],
        "BuildContext+Rope.swift": ["linear", "scale"], "GGUFLayout.swift": ["linear"], "WeightSpec.swift": ["concat"],
        "Blame.swift": ["rope"],
        "ArchitectureDescription+JSON.swift": ["rope"], "TokenizerFile+Components.swift": ["split"],
        "SentencePieceFile+TokenizerFile.swift": ["split"],
        "UnicodeProperty.swift": ["add"],
        // What commands print: members of JSON, a column.
        "PlanListing.swift": ["experts"], "RunCommand.swift": ["experts"], "BenchCommand.swift": ["experts"],
        "ExpertCosts.swift": ["experts"], "MemoryDivision.swift": ["experts"],
        "LoadPlan+JSON.swift": ["experts"], "EmbedCommand.swift": ["embedding"], "Embeddings.swift": ["embedding"],
        "OllamaModels.swift": ["embedding"],
        // Methods of strings in chat templates.
        "TemplateMethods.swift": ["split"], "TextMethods.swift": ["split"], "TemplateFilters+Sequences.swift": ["slice"],
        // Attributes.
        "Lowering+Nodes.swift": ["scale"], "GatedUnit.swift": ["activation"],
    ]

    private static func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(Fixtures.repository)/kernels/ops").filter { !$0.hasPrefix(".") }
    }

    private static func sources() throws -> [String] {
        try ["Sources", "Plugins"].flatMap { folder in
            try FileManager.default.subpathsOfDirectory(atPath: "\(Fixtures.repository)/\(folder)").filter { $0.hasSuffix(".swift") }.map {
                "\(folder)/\($0)"
            }
        }
    }

    @Test func noSwiftNamesAnOp() throws {
        let names = try Self.names()
        #expect(names.count >= 20)
        var unused = Self.otherMeanings
        for path in try Self.sources() where !path.hasPrefix("Plugins/Reference/Ops/") && path != "Sources/HadalGraph/Op.swift" {
            let file = (path as NSString).lastPathComponent
            for (number, line) in try String(contentsOfFile: "\(Fixtures.repository)/\(path)", encoding: .utf8).components(
                separatedBy: "\n"
            ).enumerated() {
                guard !line.drop(while: { $0 == " " }).hasPrefix("//") else { continue }
                for name in names where line.contains("\"\(name)\"") {
                    unused[file]?.remove(name)
                    #expect(Self.otherMeanings[file]?.contains(name) == true, "\(path):\(number + 1) names the op '\(name)'")
                }
            }
        }
        #expect(unused.filter { !$0.value.isEmpty }.isEmpty, "exceptions that are none any more")
    }

    @Test func theHostReasonsAboutTenOpsAtMost() throws {
        let text = try String(contentsOfFile: "\(Fixtures.repository)/Sources/HadalGraph/Op.swift", encoding: .utf8)
        let lines = text.components(separatedBy: "\n")
        let constants = lines.indices.filter { lines[$0].contains("static let") }
        #expect(constants.count <= 10)
        for index in constants { #expect(lines[index - 1].contains("///"), "\(lines[index]) has no reason") }
        let names = try Self.names()
        for index in constants { #expect(names.contains { lines[index].hasSuffix("\"\($0)\"") }, "\(lines[index])") }
    }
}
