import Foundation
import HadalCore
import TestSupport
import Testing

/// Embeddings and scores over HTTP, of encoders of the fixtures.
@Suite("Embeddings over HTTP")
struct EmbeddingRouteTests {
    private static let models = ["bert", "cross_encoder"].map { "\($0)=\(Fixtures.path("models/encoders/\($0)"))" }

    private static func numbers(_ json: JSON?) -> [Double] { json?.array?.compactMap(\.double) ?? [] }

    @Test("texts and tokens, as floats, as base64 and in Ollama's forms")
    func embeddings() async throws {
        try await TestServer.with(arguments: Self.models) { server in
            func post(_ path: String, _ body: String) throws -> JSON {
                let response = try server.client.post(path, body)
                #expect(response.status == 200, "\(path) \(response.body)")
                return try response.json()
            }
            let texts = #""input": ["the cat sat on a mat", "a dog"]"#
            let all = try post("/v1/embeddings", #"{"model": "bert", \#(texts)}"#)
            let first = Self.numbers(all["data"]?.array?[0]["embedding"])
            #expect(first.count == 20 && abs(first.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
            #expect(all["data"]?.array?.map { $0["index"]?.int } == [0, 1] && all["usage"]?["prompt_tokens"]?.int == 12)
            let coded = try post("/embeddings", #"{"model": "bert", \#(texts), "encoding_format": "base64"}"#)
            let bytes = try #require(Data(base64Encoded: coded["data"]?.array?[0]["embedding"]?.string ?? ""))
            let floats = bytes.withUnsafeBytes { $0.bindMemory(to: Float.self).map(Double.init) }
            #expect(floats.count == 20 && zip(floats, first).allSatisfy { abs($0 - $1) < 1e-6 })
            // [CLS] the cat sat on a mat [SEP], by the vocabulary of the fixture.
            let ids =
                try post("/tokenize", #"{"model": "bert", "content": "the cat sat on a mat"}"#)["tokens"]?.array?.compactMap(\.int) ?? []
            let tokens = try post("/v1/embeddings", #"{"model": "bert", "input": \#([2] + ids + [3])}"#)
            #expect(zip(Self.numbers(tokens["data"]?.array?[0]["embedding"]), first).allSatisfy { abs($0 - $1) < 1e-6 })
            let short = try post("/v1/embeddings", #"{"model": "bert", \#(texts), "dimensions": 4}"#)
            let part = Self.numbers(short["data"]?.array?[0]["embedding"]), norm = first[..<4].reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(part.count == 4 && zip(part, first).allSatisfy { abs($0 - $1 / norm) < 1e-5 })
            let ollama = try post("/api/embed", #"{"model": "bert", \#(texts)}"#)
            #expect(ollama["embeddings"]?.array?.count == 2 && ollama["prompt_eval_count"]?.int == 12)
            #expect(zip(Self.numbers(ollama["embeddings"]?.array?[0]), first).allSatisfy { abs($0 - $1) < 1e-6 })
            let older = try post("/api/embeddings", #"{"model": "bert", "prompt": "a dog"}"#)
            #expect(Self.numbers(older["embedding"]) == Self.numbers(ollama["embeddings"]?.array?[1]))
        }
    }

    @Test("documents for a query")
    func rerank() async throws {
        try await TestServer.with(arguments: Self.models) { server in
            let request =
                #"{"model": "cross_encoder", "query": "the cat", "documents": ["a dog ran", {"text": "the sun"}, "red house"], "top_n": 2, "return_documents": true}"#
            let response = try server.client.post("/v1/rerank", request)
            #expect(response.status == 200, "\(response.body)")
            let results = try response.json()["results"]?.array ?? []
            #expect(results.count == 2)
            let scores = results.compactMap { $0["score"]?.double }, shares = results.compactMap { $0["relevance_score"]?.double }
            #expect(scores == scores.sorted(by: >))
            #expect(zip(scores, shares).allSatisfy { abs(1 / (1 + exp(-$0)) - $1) < 1e-6 })
            let texts = ["a dog ran", "the sun", "red house"]
            for result in results { #expect(result["document"]?["text"]?.string == texts[result["index"]?.int ?? 0]) }
        }
    }

    @Test("what cannot be done is an error that says so")
    func refused() async throws {
        try await TestServer.with(arguments: Self.models) { server in
            let long = String(repeating: "the cat ", count: 40)
            let requests: [(path: String, body: String, status: Int)] = [
                ("/v1/embeddings", #"{"model": "bert"}"#, 400),
                ("/v1/embeddings", #"{"model": "bert", "input": []}"#, 400),
                ("/v1/embeddings", #"{"model": "bert", "input": "a", "encoding_format": "hex"}"#, 400),
                ("/v1/embeddings", #"{"model": "bert", "input": "a", "dimensions": 999}"#, 400),
                ("/v1/embeddings", #"{"model": "bert", "input": [999999]}"#, 400),
                ("/v1/embeddings", #"{"model": "bert", "input": ["a", 3]}"#, 400),
                ("/v1/embeddings", #"{"model": "scripted", "input": "a"}"#, 400),
                ("/v1/embeddings", #"{"model": "bert", "input": "a", "prompt_name": "none"}"#, 404),
                ("/v1/rerank", #"{"model": "bert", "query": "a", "documents": ["b"]}"#, 400),
                ("/v1/rerank", #"{"model": "cross_encoder", "query": "a", "documents": []}"#, 400),
                ("/v1/chat/completions", #"{"model": "bert", "messages": [{"role": "user", "content": "a"}]}"#, 400),
                ("/v1/completions", #"{"model": "bert", "prompt": "a"}"#, 400),
                ("/api/embed", #"{"model": "bert", "input": "\#(long)"}"#, 200),
                ("/api/embed", #"{"model": "bert", "input": "\#(long)", "truncate": false}"#, 400),
            ]
            for request in requests {
                let response = try server.client.post(request.path, request.body)
                #expect(response.status == request.status, "\(request.path) \(request.body.prefix(80)): \(response.body)")
            }
        }
    }
}
