import Foundation
import HadalCache
import HadalCore
import HadalText
import TestSupport
import Testing

@testable import HadalEngine

/// Answers that come back in prompts as the tokens that they were.
@Suite("Answer memory")
struct AnswerMemoryTests {
    private static func key(_ text: String, salt: String = "") -> BlockKey {
        var keys = AnswerKeys(salt: salt)
        keys.extend(with: Array(text.utf8)[...])
        return keys.key
    }

    @Test("it holds the latest answers, a few to each text, and no more tokens than it may")
    func bounds() {
        let memory = AnswerMemory(mostTokens: 20)
        for first in 0..<6 { memory.note([Int32(first), 1, 2], of: Self.key("a")) }
        memory.note([5, 1, 2], of: Self.key("a"))
        #expect(memory.answers(of: Self.key("a")).map(\.first) == [5, 4, 3, 2])
        for name in 0..<4 { memory.note([7, 7, 7, 7], of: Self.key("\(name)")) }
        #expect(memory.answers(of: Self.key("3")) == [[7, 7, 7, 7]] && memory.answers(of: Self.key("a")).count == 1)
        memory.note([Int32](repeating: 0, count: 21), of: Self.key("long"))
        #expect(memory.answers(of: Self.key("long")).isEmpty && memory.answers(of: Self.key("3")).count == 1)
    }

    @Test("keys depend on the salt and on all of the text, however it came")
    func keys() {
        var parts = AnswerKeys(salt: "")
        parts.extend(with: Array("one ".utf8)[...])
        let early = parts.key
        parts.extend(with: Array("two".utf8)[...])
        #expect(parts.key == Self.key("one two") && early == Self.key("one "))
        #expect(Self.key("a") != Self.key("a", salt: "s") && Self.key("a") != Self.key("b"))
    }

    /// A model that answers `Paris`, in two tokens that its tokenizer makes of no text.
    private static func withEngine(_ directory: String? = nil, _ body: (Engine) async throws -> Void) async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var model = ScriptedModel(
            words: ["Pa", "ris", "Paris", "<|user|>", "<|answer|>"], control: ["<|user|>", "<|answer|>"],
            template:
                "{% for m in messages %}{{ ('<|user|>' if m.role == 'user' else '<|answer|>') + m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|answer|>' }}{% endif %}",
            script: ["<|answer|>": ["Pa"], "Pa": ["ris"], "ris": [ScriptedModel.end]])
        model.contextLength = 512
        try model.write(to: "\(folder)/model.gguf")
        var options = Golden.options("cpu")
        (options.contextLength, options.cacheDType, options.cacheDirectory) = (512, .f32, directory)
        try await body(try Engine(path: "\(folder)/model.gguf", options: options))
    }

    private static func ask(_ engine: Engine, _ messages: [ChatMessage], salt: String = "", isKeptOnDisk: Bool = true) async throws
        -> ChatReply
    {
        let options = GenerationOptions(sampling: .greedy, maxTokens: 20)
        let request = GenerationRequest(.chat(ChatRequest(messages: messages)), options: options, salt: salt, isKeptOnDisk: isKeptOnDisk)
        return try await Scheduler(engine).submit(request)[0].reply()
    }

    private static func ids(_ engine: Engine, _ messages: [ChatMessage], salt: String = "") throws -> [Int32] {
        try engine.withKnownAnswers(engine.chatPrompt(ChatRequest(messages: messages)), CacheUse(salt: salt)).ids
    }

    @Test("an answer in a prompt is the tokens that the model wrote, for whoever got it, unless it was changed")
    func prompts() async throws {
        try await Self.withEngine { engine in
            let question = [ChatMessage.user("Where?")]
            let history = question + [.assistant("Paris"), .user("Sure?")]
            let tokenizer = try #require(engine.tokenizer)
            let wanted = [try #require(tokenizer.id(of: "Pa")), try #require(tokenizer.id(of: "ris"))]
            let plain = try engine.encodeChat(history)
            #expect(try Self.ids(engine, history, salt: "me") == plain)
            let reply = try await Self.ask(engine, question, salt: "me")
            #expect(reply.answer == "Paris" && reply.tokens == wanted)
            let known = try Self.ids(engine, history, salt: "me")
            #expect(known.contains(wanted[1]) && !plain.contains(wanted[1]))
            #expect(try tokenizer.decode(known) == tokenizer.decode(plain))
            #expect(try Self.ids(engine, history, salt: "you") == plain)
            for other in [
                question + [.assistant("Parisian"), .user("Sure?")], [.user("Where then?"), .assistant("Paris"), .user("Sure?")],
                [.user("Paris")],
            ] {
                #expect(try Self.ids(engine, other, salt: "me") == engine.encodeChat(other))
            }
            // The next answer stands behind the first one's tokens.
            _ = try await Self.ask(engine, history, salt: "me")
            let longer = history + [.assistant("Paris"), .user("Really?")]
            #expect(try Self.ids(engine, longer, salt: "me").count { $0 == wanted[1] } == 2)
        }
    }

    @Test("another engine finds it on the disk, unless it was not to be kept")
    func disk() async throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (kept, temporary) = ([ChatMessage.user("Where?")], [ChatMessage.user("And where?")])
        try await Self.withEngine(folder) { engine in
            _ = try await Self.ask(engine, kept)
            _ = try await Self.ask(engine, temporary, isKeptOnDisk: false)
            engine.keepNote("call ü", of: "x", salt: "me")
            engine.saveCache()
        }
        try await Self.withEngine(folder) { engine in
            #expect(engine.note(of: "x", salt: "me") == "call ü")
            #expect(engine.note(of: "x", salt: "you") == nil && engine.note(of: "y", salt: "me") == nil)
            for (question, isKnown) in [(kept, true), (temporary, false)] {
                let history = question + [.assistant("Paris"), .user("Sure?")]
                let (known, plain) = (try Self.ids(engine, history), try engine.encodeChat(history))
                #expect((known != plain) == isKnown)
            }
        }
    }
}
