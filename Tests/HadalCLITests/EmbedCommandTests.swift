import Foundation
import HadalCore
import HadalFormats
import TestSupport
import Testing

@Suite("hadal embed and rerank", .serialized)
struct EmbedCommandTests {
    private static let bert = Fixtures.path("models/encoders/bert"), pair = Fixtures.path("models/encoders/cross_encoder")

    private func json(_ text: String) throws -> JSON { try JSONDocument(parsing: text, file: "stdout").root }

    @Test("a text, rows and a file give the same numbers")
    func forms() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let text = "the cat sat on a mat"
        let one = try json(try CommandRun(["embed", Self.bert, "-p", text, "--json"]).out)
        let vector = one["embedding"]?.array?.compactMap(\.double) ?? []
        #expect(vector.count == 20 && one["tokens"]?.int == 8 && one["truncated"]?.bool == false)
        let lines = try CommandRun(["embed", Self.bert], input: text).out.split(separator: "\n").compactMap { Double($0) }
        #expect(lines == vector)
        let rows = try CommandRun(["embed", Self.bert, "--jsonl"], input: "{\"text\": \"\(text)\"}\n{\"text\": \"a dog\"}\n").out
        let parsed = try rows.split(separator: "\n").map { try json(String($0)) }
        #expect(parsed.count == 2)
        #expect(zip(parsed[0]["embedding"]?.array?.compactMap(\.double) ?? [], vector).allSatisfy { abs($0 - $1) <= 1e-5 })
        let file = try CommandRun(["embed", Self.bert, "-p", text, "-o", "\(folder)/v.safetensors", "--hidden"])
        #expect(file.status == 0, "\(file.error)")
        let written = try SafetensorsFile(path: "\(folder)/v.safetensors")
        #expect(written.tensors.first { $0.name == "embedding" }?.shape == [20])
        #expect(written.tensors.first { $0.name == "hidden.last" }?.shape == [8, 32])
    }

    @Test("each row is answered while the next is still to come")
    func interactive() throws {
        let process = Process(), (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: CommandRun.executable)
        process.arguments = ["embed", Self.bert, "--jsonl"]
        (process.standardInput, process.standardOutput) = (input, output)
        try process.run()
        defer { process.terminate() }
        input.fileHandleForWriting.write(Data("{\"text\": ".utf8))
        for text in ["the cat", "a dog sat on a mat"] {
            // What follows the row is none: an empty line, and the beginning of the next row.
            input.fileHandleForWriting.write(Data("\"\(text)\"}\r\n\n{\"text\": ".utf8))
            var line = Data()
            while line.last != UInt8(ascii: "\n") {
                let more = output.fileHandleForReading.availableData
                guard !more.isEmpty else { break }
                line += more
            }
            #expect(try json(String(decoding: line, as: UTF8.self))["embedding"]?.array?.count == 20)
        }
        input.fileHandleForWriting.write(Data("\"no line end\"}".utf8))
        try input.fileHandleForWriting.close()
        let rest = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(rest.split(separator: "\n").count == 1)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test("rows before a wrong one are answered, and many rows in their order")
    func rows() throws {
        let words = ["the cat", "a dog", "sat on", "a mat", "the dog sat on the mat"]
        let texts = (0..<500).map { words[$0 % 5] }
        let rows = texts.map { "{\"text\": \"\($0)\"}\n" }.joined()
        let run = try CommandRun(["embed", Self.bert, "--jsonl"], input: rows + "\n{\"texts\": 1}\n{\"text\": \"a dog\"}\n")
        #expect(run.status == 1 && run.error.contains("row 502") && run.error.contains("requires \"text\""), "\(run.error)")
        let found = try run.out.split(separator: "\n").map { try json(String($0))["embedding"]?.array?.compactMap(\.double) ?? [] }
        #expect(found.count == 500)
        for (index, vector) in found.enumerated() {
            #expect(zip(vector, found[index % 5]).allSatisfy { abs($0 - $1) <= 1e-5 })
        }
        #expect(found[0] != found[1])
    }

    @Test("texts are cut, and prompts go before them")
    func limits() throws {
        let long = try json(try CommandRun(["embed", Self.bert, "-p", String(repeating: "the cat ", count: 40), "--json"]).out)
        #expect(long["tokens"]?.int == 24 && long["truncated"]?.bool == true)
        let prompted = try json(try CommandRun(["embed", Self.bert, "-p", "sat", "--prompt", "query", "--json"]).out)
        let written = try json(try CommandRun(["embed", Self.bert, "-p", "the cat: sat", "--json"]).out)
        #expect(prompted == written && prompted["tokens"]?.int == 6)
        let unknown = try CommandRun(["embed", Self.bert, "-p", "sat", "--prompt", "passage"])
        #expect(unknown.status == 1 && unknown.error.contains("known: query, document"), "\(unknown.error)")
    }

    @Test("a GGUF file of a directory gives the same numbers")
    func gguf() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["bert", "cross_encoder", "modernbert", "modern_cross_encoder", "embeddinggemma", "qwen3_embedding"] {
            let (model, file) = (Fixtures.path("models/encoders/\(name)"), "\(folder)/\(name).gguf")
            let made = try CommandRun(["quantize", model, file, "--type", "F32", "--no-tokenizer"])
            #expect(made.status == 0, "\(made.error)")
            let command = name.hasSuffix("cross_encoder") ? "rerank" : "embed"
            let runs = try [model, file].map { try CommandRun([command, $0, "--tokens", "2,9,17,30,8,3", "--json"]) }
            #expect(runs.allSatisfy { $0.status == 0 }, "\(runs.map(\.error))")
            let numbers = try runs.map { run -> [Double] in
                let json = try json(run.out)
                return (json["embedding"]?.array ?? json.array?.compactMap { $0["score"] } ?? []).compactMap(\.double)
            }
            #expect(!numbers[0].isEmpty && numbers[0].count == numbers[1].count)
            #expect(zip(numbers[0], numbers[1]).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($0)) }, "\(name)")
        }
    }

    @Test("the best document comes first")
    func rerank() throws {
        let run = try CommandRun(["rerank", Self.pair, "-q", "the cat", "-d", "a dog ran", "-d", "the sun", "-d", "red house", "--json"])
        #expect(run.status == 0, "\(run.error)")
        let rows = try json(run.out).array ?? []
        let scores = rows.compactMap { $0["score"]?.double }
        #expect(scores.count == 3 && scores == scores.sorted(by: >) && Set(rows.compactMap { $0["index"]?.int }) == [0, 1, 2])
        let again = try CommandRun(
            ["rerank", Self.pair, "-q", "the cat", "--jsonl", "--json"],
            input: "{\"text\": \"a dog ran\"}\n{\"text\": \"the sun\"}\n{\"text\": \"red house\"}\n")
        #expect(again.out == run.out)
    }

    @Test(
        "mistakes on the command line",
        arguments: [
            (["embed", bert, "-p", "a", "--tokens", "1"], 2, "Give one of"), (["embed", bert, "--token-types", "0"], 2, "--tokens"),
            (["embed", bert, "-p", "a", "--hidden"], 2, "-o FILE"), (["embed", bert, "-p", "a", "--dimensions", "21"], 1, "21 dimensions"),
            (["embed", bert, "--tokens", "1,2", "--token-types", "0"], 1, "1 token types for 2 tokens"),
            (["embed", bert, "--tokens", "1,2", "--token-types", "0,7"], 1, "token type 7"),
            (["embed", pair, "-p", "a"], 1, "hadal rerank"), (["rerank", bert, "-q", "a", "-d", "b"], 1, "hadal embed"),
            (["rerank", pair, "-d", "b"], 2, "-q QUERY"), (["rerank", pair, "-q", "a"], 2, "-d TEXT"),
            (["rerank", pair, "-q", "a", "-d", "b", "--instruction", "c"], 1, "no instruction"),
            (["run", bert, "-p", "a"], 1, "hadal embed"),
            (["embed", Fixtures.path("models/llama"), "--tokens", "1"], 1, "gives no embeddings"),
        ])
    func mistakes(_ arguments: [String], _ status: Int, _ message: String) throws {
        let run = try CommandRun(arguments)
        #expect(run.status == status && run.error.contains(message), "\(run.status) \(run.error)")
    }
}
