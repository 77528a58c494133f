import Foundation
import HadalArchitecture
import HadalCore
import HadalEngine
import HadalFormats
import HadalGraph
import TestSupport
import Testing

@testable import HadalSynthesis

/// Synthetic models decode as llama.cpp decodes them. What it answered, and the script that asked, lie in Tests/Fixtures/synthesis.
@Suite struct PeerDecodingTests {
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var architecture: String
        var config: JSON
        var seed: UInt64
        var tokens: [Int32]
        var greedy: [Int32]
    }

    static let cases: [Case] = {
        guard let document = try? JSONDocument(contentsOf: Fixtures.path("synthesis/llama_cpp.json")) else { return [] }
        func ids(_ json: JSON?) -> [Int32] { (json?.array ?? []).compactMap { $0.int.map(Int32.init) } }
        return (document.root.array ?? []).map { row in
            Case(
                testDescription: row["name"]?.string ?? "", architecture: row["architecture"]?.string ?? "", config: row["config"] ?? .null,
                seed: UInt64(row["seed"]?.int ?? 0), tokens: ids(row["tokens"]), greedy: ids(row["greedy"]))
        }
    }()

    @Test func thereAreCases() {
        #expect(Self.cases.count > 15 && Self.cases.allSatisfy { !$0.tokens.isEmpty && $0.greedy.count >= 8 })
        #expect(Set(Self.cases.map(\.architecture)).isSuperset(of: ["deepseek_v2", "deepseek_v3", "gpt_oss", "olmoe", "gemma3", "phi3"]))
    }

    @Test(arguments: cases)
    func greedyIdsAreTheSame(one: Case) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let model = try SyntheticModel(
            architecture: one.architecture, configuration: JSONDocument(parsing: one.config.text(), file: "config.json"), type: .f16,
            library: ArchitectureLibrary(), catalogue: OpCatalogue.load())
        try model.write(to: "\(folder)/m.gguf", seed: one.seed)
        for backend in ["reference", "cpu"] {
            var options = EngineOptions()
            options.backend = backend
            options.environment.pluginPaths = [Fixtures.products]
            options.contextLength = 64
            let session = try Engine(path: "\(folder)/m.gguf", options: options).makeSession()
            try session.append(one.tokens)
            var greedy: [Int32] = []
            for _ in one.greedy {
                let best = session.logits.indices.max { session.logits[$0] < session.logits[$1] }
                greedy.append(Int32(best ?? 0))
                try session.append([greedy[greedy.count - 1]])
            }
            #expect(greedy == one.greedy, "\(backend)")
        }
    }
}
