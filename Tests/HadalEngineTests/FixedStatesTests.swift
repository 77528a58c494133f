import Foundation
import HadalBackend
import HadalCore
import TestSupport
import Testing

@testable import HadalEngine

/// Sessions of a model whose layers remember states of fixed size: windows and recurrent matrices beside attention.
@Suite("States of fixed size")
struct FixedStatesTests {
    static let backends = ["reference", "cpu"]

    private func withEngine(
        _ backend: String, _ change: (inout EngineOptions) -> Void = { _ in }, _ body: (Engine) throws -> Void
    ) throws {
        var options = Golden.options(backend)
        options.contextLength = 1024
        change(&options)
        try body(try Engine(path: Fixtures.path("models/families/qwen3_5_text"), options: options))
    }

    private func prompt(_ count: Int, seed: UInt64 = 7) -> [Int32] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Int32.random(in: 0..<250, using: &random) }
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
            try withEngine(backend, { $0.batchTokens = 7 }) { engine in
                let chunked = try session(engine, after: ids)
                #expect(distance(whole, chunked) < 1e-3)
            }
        }
    }

    @Test("rolling back and going on equals never having gone there", arguments: backends)
    func rollback(_ backend: String) throws {
        let ids = prompt(300)
        try withEngine(backend) { engine in
            let straight = try session(engine, after: ids)
            // Over a few tokens, over many, and to before the first.
            for (length, beyond) in [(298, 2), (290, 40), (100, 150), (0, 9)] {
                let session = try self.session(engine, after: Array(ids[..<length]) + prompt(beyond, seed: 9))
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
            let session = try self.session(engine, after: Array(ids[..<80]) + [1, 2, 3])
            try session.rollBack(to: 82)
            try session.rollBack(to: 80)
            try session.append([9])
            try session.rollBack(to: 80)
            for id in ids[80...] { try session.append([id]) }
            let straight = try self.session(engine, after: ids)
            #expect(distance(straight, session) < 1e-3)
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
            let (freshA, freshB) = (try session(engine, after: ids + [1, 2, 3, 4]), try session(engine, after: ids + [9, 8, 7]))
            #expect(distance(a, freshA) < 1e-3)
            #expect(distance(b, freshB) < 1e-3)
        }
    }

    @Test("a saved session goes on as if it had not been saved", arguments: backends)
    func saving(_ backend: String) throws {
        let ids = prompt(100)
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try withEngine(backend) { engine in
            let session = try self.session(engine, after: ids)
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
        try withEngine(
            "cpu",
            {
                $0.batchSequences = 1
                $0.cacheTokens = 300 * 64
            }
        ) { engine in
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
            // Two layers of a window of 3 rows and a matrix for each of 3 heads.
            let bytes = 2 * 4 * (3 * (2 * 30 + 48) + 3 * 10 * 16)
            #expect(engine.program.slotBytes == bytes)
            #expect(engine.plan.stateBytes == bytes * engine.program.slotCount)
        }
    }
}
