import Foundation
import HadalArchitecture
import HadalCore
import HadalGraph
import HadalSynthesis
import TestSupport
import Testing

@testable import HadalEngine

/// Sessions of a model whose layers remember states of fixed size: windows and recurrent matrices beside attention.
@Suite("States of fixed size")
struct FixedStatesTests {
    static let backends = ["reference", "cpu"]

    /// A delta net in three of four layers.
    static let configuration = """
        {"model_type": "qwen3_5_text", "hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
         "head_dim": 16, "intermediate_size": 64, "vocab_size": 300, "max_position_embeddings": 2048, "tie_word_embeddings": true,
         "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 12, "linear_value_head_dim": 10}
        """

    private func withEngine(
        _ backend: String, _ change: (inout EngineOptions) -> Void = { _ in }, _ body: (Engine) throws -> Void
    ) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/m.gguf"
        try SyntheticModel(
            architecture: "qwen3_5", configuration: try JSONDocument(parsing: Self.configuration, file: "config.json"), type: .q8_0,
            library: ArchitectureLibrary(), catalogue: OpCatalogue.load()
        ).write(to: path, seed: 5)
        var options = Golden.options(backend)
        options.contextLength = 1024
        change(&options)
        try body(try Engine(path: path, options: options))
    }

    private func prompt(_ count: Int, seed: UInt64 = 7) -> [Int32] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Int32.random(in: 0..<300, using: &random) }
    }

    private func distance(_ a: Session, _ b: Session) -> Float { zip(a.logits, b.logits).map { abs($0 - $1) }.max() ?? .infinity }

    private func session(_ engine: Engine, after ids: [Int32]) throws -> Session {
        let session = engine.makeSession()
        try session.append(ids)
        return session
    }

    @Test("chunks and single tokens give what one step gives", arguments: backends)
    func chunks(_ backend: String) throws {
        let ids = prompt(150)
        try withEngine(backend) { engine in
            let whole = try session(engine, after: ids)
            let single = engine.makeSession()
            for id in ids { try single.append([id]) }
            #expect(distance(whole, single) < 1e-3)
            try withEngine(backend, { $0.batchTokens = 7 }) { #expect(distance(whole, try session($0, after: ids)) < 1e-3) }
        }
    }

    @Test("rolling back and going on equals never having gone there", arguments: backends)
    func rollback(_ backend: String) throws {
        let ids = prompt(300)
        try withEngine(backend) { engine in
            let straight = try session(engine, after: ids)
            // Over a few tokens, over many, and to before the first.
            for (length, beyond) in [(298, 2), (290, 40), (100, 150), (0, 9)] {
                let session = try session(engine, after: Array(ids[..<length]) + prompt(beyond, seed: 9))
                try session.rollBack(to: length)
                #expect(session.count == length && !session.hasLogits)
                try session.append(Array(ids[length...]))
                #expect(distance(straight, session) < 1e-3, "\(length)")
            }
        }
    }

    @Test("a session goes back twice in a row", arguments: backends)
    func twice(_ backend: String) throws {
        let ids = prompt(90)
        try withEngine(backend) { engine in
            let session = try session(engine, after: Array(ids[..<80]) + [1, 2, 3])
            try session.rollBack(to: 82)
            try session.rollBack(to: 80)
            try session.append([9])
            try session.rollBack(to: 80)
            for id in ids[80...] { try session.append([id]) }
            #expect(distance(try self.session(engine, after: ids), session) < 1e-3)
        }
    }

    @Test("forks do not disturb each other", arguments: backends)
    func forks(_ backend: String) throws {
        let ids = prompt(70)
        try withEngine(backend) { engine in
            let a = try session(engine, after: ids)
            let b = a.fork()
            try a.append([1, 2, 3])
            try b.append([9])
            try a.append([4])
            try b.append([8, 7])
            #expect(distance(a, try session(engine, after: ids + [1, 2, 3, 4])) < 1e-3)
            #expect(distance(b, try session(engine, after: ids + [9, 8, 7])) < 1e-3)
        }
    }

    @Test("a saved session goes on as if it had not been saved", arguments: backends)
    func saving(_ backend: String) throws {
        let ids = prompt(100)
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try withEngine(backend) { engine in
            let session = try session(engine, after: ids)
            try session.save(to: "\(folder)/s")
            let loaded = try Session(contentsOf: "\(folder)/s", engine: engine)
            #expect(loaded.replayedTokens == 0 && !loaded.lacksState)
            try session.append([5, 6])
            try loaded.append([5, 6])
            #expect(distance(session, loaded) == 0)
            // States that are a few tokens behind are computed again.
            try session.rollBack(to: 100)
            try session.save(to: "\(folder)/t")
            let behind = try Session(contentsOf: "\(folder)/t", engine: engine)
            try behind.append([5, 6])
            #expect(distance(loaded, behind) < 1e-3)
        }
    }

    @Test("slots all come back, and running out of them is an error that says so")
    func slots() throws {
        try withEngine("cpu", { $0.batchSequences = 1 }) { engine in
            var sessions: [Session] = []
            expectError(.contextFull, "slots for recurrent states") {
                for _ in 0..<200 { sessions.append(try session(engine, after: [1, 2, 3])) }
            }
            sessions = []
            for _ in 0..<200 { _ = try session(engine, after: [1, 2, 3]) }
        }
    }

    @Test("the plan counts the states")
    func plan() throws {
        try withEngine("cpu") { engine in
            // Three layers of a window of 3 rows and a matrix for each of 4 heads.
            let bytes = 3 * 4 * (3 * (2 * 24 + 40) + 4 * 12 * 10)
            #expect(engine.program.slotBytes == bytes)
            #expect(engine.plan.stateBytes == bytes * engine.program.slotCount)
        }
    }
}
