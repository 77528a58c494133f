import Foundation
import HadalCore
import HadalEngine
import TestSupport
import Testing

/// A model whose indexer keeps 8 tokens for each query, over sequences longer than that: its state must follow all that sessions do.
@Suite("Sparse attention", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"))
struct SparseAttentionTests {
    let path = "\(Fixtures.goldens ?? "")/models/deepseek_v32"
    static let backends = ["reference", "cpu"]

    private func engine(_ backend: String, _ change: (inout EngineOptions) -> Void = { _ in }) throws -> Engine {
        var options = Golden.options(backend)
        change(&options)
        return try Engine(path: path, options: options)
    }

    /// 40 tokens at which no choice is a near tie.
    private func prompt() throws -> [Int32] {
        let golden = try Golden(path: path)
        return try golden.ids("input_ids") + golden.ids("greedy")
    }

    private func distance(_ a: Session, _ b: Session) -> Float { zip(a.logits, b.logits).map { abs($0 - $1) }.max() ?? .infinity }

    /// The checkpoint with pieces of its configuration replaced, in a folder that the caller removes.
    private func changed(_ changes: [(String, String)]) throws -> String {
        let folder = try Fixtures.temporaryDirectory()
        var config = try String(contentsOfFile: "\(path)/config.json", encoding: .utf8)
        for (from, to) in changes {
            #expect(config.contains(from))
            config = config.replacing(from, with: to)
        }
        try config.write(toFile: "\(folder)/config.json", atomically: true, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/model.safetensors", withDestinationPath: "\(path)/model.safetensors")
        return folder
    }

    /// An indexer that leaves nothing out is none: the very same bits.
    @Test("equals dense attention while the context fits", arguments: backends)
    func dense(_ backend: String) throws {
        let ids = try prompt()
        let folders = try [
            changed([("\"index_topk\": 8", "\"index_topk\": \(ids.count)")]), changed([("\"deepseek_v32\"", "\"deepseek_v3\"")]),
        ]
        defer { for folder in folders { try? FileManager.default.removeItem(atPath: folder) } }
        let results = try folders.map { folder -> [[Float]] in
            var results: [[Float]] = []
            for batch in [512, 7] {
                var options = Golden.options(backend, observe: .hidden)
                options.batchTokens = batch
                results += try Engine(path: folder, options: options).evaluate(ids).map(\.values)
            }
            return results
        }
        #expect(results[0].count == 12 && results[0] == results[1])
        let sparse = try Engine(path: path, options: Golden.options(backend, observe: .allLogits)).evaluate(ids)[0].values
        #expect(sparse != results[0][0], "8 of 40 tokens are not all")
    }

    @Test("chunked prefill equals one step", arguments: backends, [1, 3, 7, 30])
    func chunks(_ backend: String, _ size: Int) throws {
        let ids = try prompt()
        let whole = try engine(backend).makeSession()
        try whole.append(ids)
        let chunked = try engine(backend) { $0.batchTokens = size }.makeSession()
        try chunked.append(ids)
        #expect(distance(whole, chunked) < 1e-4)
    }

    @Test("rolling back and going on equals never having gone there", arguments: backends, [4, 9, 30])
    func rollback(_ backend: String, _ length: Int) throws {
        let engine = try engine(backend)
        let ids = try prompt()
        let straight = engine.makeSession()
        try straight.append(ids)
        let session = engine.makeSession()
        try session.append(Array(ids[..<length]) + [7, 100, 200, 3, 250, 41, 9, 12])
        try session.rollBack(to: length)
        try session.append(Array(ids[length...]))
        #expect(distance(straight, session) < 1e-4)
    }

    @Test("forks share a prefix and do not disturb each other", arguments: backends)
    func forks(_ backend: String) throws {
        let engine = try engine(backend)
        let ids = try prompt()
        let a = engine.makeSession()
        try a.append(Array(ids[..<30]))
        let b = a.fork()
        try a.append([1, 2, 3])
        try b.append(Array(ids[30...]))
        try a.append([4])
        let (freshA, freshB) = (engine.makeSession(), engine.makeSession())
        try freshA.append(ids[..<30] + [1, 2, 3, 4])
        try freshB.append(ids)
        #expect(distance(a, freshA) < 1e-4 && distance(b, freshB) < 1e-4)
    }

    @Test("sessions decoded together equal sessions decoded alone", arguments: backends)
    func batch(_ backend: String) throws {
        let engine = try engine(backend)
        let ids = try prompt()
        let prompts = [Array(ids[..<3]), Array(ids[..<38]), Array(ids[..<9])]
        let together = prompts.map { _ in engine.makeSession() }
        for (session, ids) in zip(together, prompts) { try session.append(ids) }
        for step in 0..<2 { try engine.step(zip(together, prompts).map { ($0, ids[$1.count + step]) }) }
        for (session, prompt) in zip(together, prompts) {
            let alone = engine.makeSession()
            try alone.append(Array(ids[..<(prompt.count + 2)]))
            #expect(distance(session, alone) < 1e-4)
        }
    }

    @Test("a saved session goes on where it was", arguments: backends)
    func saveAndLoad(_ backend: String) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let engine = try engine(backend)
        let session = engine.makeSession()
        try session.append(try prompt())
        try session.save(to: "\(folder)/session.safetensors")
        let restored = try Session(contentsOf: "\(folder)/session.safetensors", engine: engine)
        try session.append([5])
        try restored.append([5])
        #expect(distance(session, restored) == 0)
    }
}
