import Foundation
import HadalConstraints
import HadalCore
import TestSupport
import Testing

@testable import HadalEngine

/// Generations whose text must fit something.
@Suite("Constrained text")
struct ConstrainedTextTests {
    private static let schema = """
        {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "kind": {"enum": ["river", "city"]},
         "count": {"type": "integer", "minimum": 1, "maximum": 20}, "tags": {"type": "array", "items": {"type": "string", "maxLength": 6}, "maxItems": 2}},
         "required": ["name", "kind", "count", "tags"], "additionalProperties": false}
        """

    private func random(_ backend: String = "cpu") throws -> Engine { try RandomModel.engine(backend) }

    private func fits(_ text: String) throws -> Bool {
        let json = try JSONDocument(parsing: text, file: "answer").root
        guard let object = json.object, object.members.map(\.key) == ["name", "kind", "count", "tags"] else { return false }
        return ["river", "city"].contains(json["kind"]?.string) && (1...20).contains(json["count"]?.int ?? 0)
            && (json["name"]?.string?.unicodeScalars.count ?? 99) <= 12 && (json["tags"]?.array?.count ?? 9) <= 2
    }

    @Test("an answer fits its schema, whatever the weights and the seed", arguments: ["cpu", "reference"])
    func schema(_ backend: String) throws {
        let engine = try random(backend)
        let constraint = try TextConstraint.jsonSchema(Self.schema)
        for seed in 0..<6 {
            var options = GenerationOptions(constraint: constraint)
            options.sampling = seed == 0 ? .greedy : SamplingOptions(temperature: 1.5, topK: 0, topP: 1, seed: UInt64(seed))
            options.maxTokens = 400
            let reply = try engine.makeSession().complete("abc", options: options)
            // A greedy model of random weights may write white space or a string for as long as it may.
            if reply.summary.reason == .length { continue }
            #expect(reply.summary.reason == .endOfText)
            #expect(try fits(reply.answer), "\(seed): \(reply.answer)")
        }
    }

    @Test("expressions and grammars end the answer where it may not go on")
    func ends() throws {
        let engine = try random()
        func answer(_ constraint: TextConstraint, _ change: (inout GenerationOptions) -> Void = { _ in }) throws -> ChatReply {
            var options = GenerationOptions(sampling: SamplingOptions(temperature: 2, topK: 0, topP: 1, seed: 3), constraint: constraint)
            change(&options)
            return try engine.makeSession().complete("abc", options: options)
        }
        let letters = try answer(.regex("[a-f]{7}"))
        #expect(letters.answer.count == 7 && letters.answer.allSatisfy { ("a"..."f").contains($0) })
        #expect(letters.summary.reason == .endOfText)
        let anyway = try answer(.regex("yes|no")) { $0.ignoreEndOfText = true }
        #expect(["yes", "no"].contains(anyway.answer))
        let greeting = try answer(.grammar("root ::= word (\", \" word)? \".\"\nword ::= [a-z] [a-z] [a-z]"))
        #expect(greeting.answer.wholeMatch(of: /[a-z]{3}(, [a-z]{3})?\./) != nil, "\(greeting.answer)")
        // What was cut off still begins as it must.
        let cut = try answer(.regex("(ab)+c")) { $0.maxTokens = 3 }
        #expect(cut.answer.wholeMatch(of: /(ab)*a?c?/) != nil, "\(cut.answer)")
        #expect(throws: HadalError.self) { try answer(.regex("x+")) { $0.sampling.suppressed.always = (0..<600).map { $0 } } }
        expectError(.unsupported, "/properties/a/format") {
            try TextConstraint.jsonSchema(#"{"properties": {"a": {"type": "string", "format": "nonsense"}}}"#)
        }
    }

    @Test("requests of a scheduler, each of several answers with its own place in the text")
    func together() async throws {
        let engine = try random()
        let constraint = try TextConstraint.regex("[a-f]{5}[0-9]{3}")
        var options = GenerationOptions(constraint: constraint)
        options.sampling = SamplingOptions(temperature: 2, topK: 0, topP: 1, seed: 9)
        options.maxTokens = 20
        let scheduler = Scheduler(engine)
        let generations = try (0..<2).flatMap { _ in
            try scheduler.submit(GenerationRequest(.text("abc"), options: options, choices: 3))
        }
        var answers: [String] = []
        for generation in generations { answers.append(try await generation.reply().answer) }
        #expect(answers.allSatisfy { $0.wholeMatch(of: /[a-f]{5}[0-9]{3}/) != nil }, "\(answers)")
        #expect(Array(answers.prefix(3)) == Array(answers.suffix(3)) && Set(answers).count > 1)
    }

    @Test("reasoning is free, the answer is not")
    func reasoning() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try ScriptedModel.thinker().write(to: "\(folder)/model.gguf")
        let engine = try Engine(path: "\(folder)/model.gguf", options: Golden.options("cpu"))
        let prompt = try engine.chatPrompt(ChatRequest(messages: [.user("Where?")]))
        let free = try engine.makeSession().reply(to: prompt, options: GenerationOptions(sampling: .greedy))
        #expect(!free.reasoning.isEmpty)
        let constraint = try TextConstraint.regex("[a-z]{2}")
        let held = try engine.makeSession().reply(to: prompt, options: GenerationOptions(sampling: .greedy, constraint: constraint))
        #expect(held.reasoning == free.reasoning && held.answer.wholeMatch(of: /[a-z]{2}/) != nil, "\(held.answer)")
        #expect(held.summary.reason == .endOfText)
    }
}
