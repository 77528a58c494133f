import Foundation
import HadalCore
import HadalEngine
import HadalText
import TestSupport
import Testing

/// Whole replies of models whose weights spell out a script.
@Suite("Replies")
struct ReplyTests {
    static let backends = ["reference", "cpu"]

    func engine(_ model: ScriptedModel, _ backend: String = "cpu", _ change: (inout EngineOptions) -> Void = { _ in }) throws
        -> Engine
    {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try model.write(to: "\(folder)/model.gguf")
        var options = Golden.options(backend)
        change(&options)
        return try Engine(path: "\(folder)/model.gguf", options: options)
    }

    func request(_ text: String = "Where?", budget: Int? = nil, thinking: ThinkingMode = .automatic, tools: [Tool] = [])
        -> ChatRequest
    {
        ChatRequest(messages: [.user(text)], tools: tools, thinking: thinking, reasoningBudget: budget)
    }

    func options(_ change: (inout GenerationOptions) -> Void = { _ in }) -> GenerationOptions {
        var options = GenerationOptions()
        options.sampling = .greedy
        change(&options)
        return options
    }

    private static let tools = [Tool(["type": "function", "function": ["name": "get_weather", "parameters": ["type": "object"]]])]

    @Test("reasoning comes apart from the answer, in files of both architectures", arguments: ["llama", "qwen2"], backends)
    func parts(architecture: String, backend: String) throws {
        var model = ScriptedModel.thinker()
        model.architecture = architecture
        let engine = try engine(model, backend)
        let prompt = try engine.chatPrompt(request())
        #expect(prompt.text.hasSuffix("<｜User｜>Where?<｜Assistant｜><think>\n") && prompt.startsInReasoning)
        let session = engine.makeSession()
        var (reasoning, text, tokens) = ("", "", [Int32]())
        var last: GenerationSummary?
        let reply = try session.reply(to: prompt, options: options()) { event in
            switch event {
            case .reasoning(let piece):
                #expect(text.isEmpty)
                reasoning += piece
            case .text(let piece): text += piece
            case .token(let id): tokens.append(id)
            case .toolCall, .textWasReasoning, .restored, .logProbabilities: Issue.record("\(event)")
            case .finished(let summary): last = summary
            }
            return .continue
        }
        #expect(reasoning == "hmm, yes" && text == "Paris.")
        #expect(reply.reasoning == reasoning && reply.answer == text && reply.tokens == tokens)
        #expect(reply.summary.reason == .endOfText && last?.reason == .endOfText)
        // Two of the six tokens are thoughts; the marker is neither.
        #expect(reply.summary.generatedTokens == 6 && reply.summary.reasoningTokens == 2 && reply.summary.injectedTokens == 0)
        #expect(session.tokens == prompt.ids + tokens)
        #expect(reply.message.reasoning == "hmm, yes" && reply.message.content == "Paris.")
    }

    @Test(
        "the published templates of R1 and its distills", .enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"),
        arguments: ["llama-cpp-deepseek-r1", "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B"])
    func publishedTemplates(name: String) throws {
        var model = ScriptedModel.thinker()
        model.template = try String(contentsOfFile: "\(try #require(Fixtures.goldens))/chat_templates/\(name).jinja", encoding: .utf8)
        let engine = try engine(model)
        let conversation = Conversation(engine: engine)
        for question in ["Where?", "And now?"] {
            let reply = try conversation.ask(question, options: options()) { _ in .continue }
            #expect(reply.reasoning == "hmm, yes" && reply.answer == "Paris.")
        }
        let text = try #require(engine.tokenizer).decode(conversation.session.tokens)
        #expect(
            text.contains("<｜Assistant｜>Paris.<｜end▁of▁sentence｜><｜User｜>And now?") && text.hasSuffix("<think>\nhmm, yes</think>\n\nParis.")
        )
        conversation.request.thinking = .off
        let brief = try conversation.ask("In short?", options: options()) { _ in .continue }
        #expect(brief.reasoning.isEmpty && brief.answer == "Paris.")
    }

    @Test("a budget closes reasoning that would not end", arguments: backends)
    func budget(backend: String) throws {
        let engine = try engine(.thinker(thinksForever: true), backend)
        for budget in [1, 2, 7] {
            let session = engine.makeSession()
            let prompt = try engine.chatPrompt(request(budget: budget))
            let reply = try session.reply(to: prompt, options: options { $0.maxTokens = 500 }) { _ in .continue }
            #expect(reply.answer == "Paris." && reply.summary.reason == .endOfText)
            #expect(reply.summary.reasoningTokens == budget)
            let closing = try #require(prompt.format.closing(unused: false))
            let injected = try #require(engine.tokenizer).encode(closing, parseSpecial: true)
            #expect(reply.summary.injectedTokens == injected.count)
            #expect(Array(reply.tokens[budget..<(budget + injected.count)]) == injected)
            #expect(reply.summary.generatedTokens == reply.tokens.count && session.tokens == prompt.ids + reply.tokens)
            #expect(
                reply.reasoning.hasPrefix("hmm")
                    && reply.reasoning.hasSuffix(prompt.format.budgetLine.trimmingCharacters(in: .whitespacesAndNewlines)))
        }
        expectError(.invalidArgument) { try engine.chatPrompt(request(budget: -1)) }
    }

    @Test("no thoughts at all: a budget of nothing, or thinking turned off")
    func off() throws {
        let engine = try engine(.thinker())
        for request in [request(budget: 0), request(thinking: .off)] {
            let prompt = try engine.chatPrompt(request)
            #expect(prompt.text.hasSuffix("<think>\n\n</think>\n\n") && !prompt.startsInReasoning)
            let reply = try engine.makeSession().reply(to: prompt, options: options()) { _ in .continue }
            #expect(reply.reasoning.isEmpty && reply.answer == "Paris." && reply.summary.reasoningTokens == 0)
        }
    }

    @Test("a model that opens the block itself is cut short there too")
    func opensItself() throws {
        var model = ScriptedModel.thinker(thinksForever: true)
        model.template = "{% for m in messages %}{{ m.content }}{% endfor %}{{ '<｜Assistant｜>' }}{# <think> #}"
        model.script["<｜Assistant｜>"] = ["<think>"]
        model.script["<think>"] = ["hmm"]
        let engine = try engine(model)
        let plain = try engine.makeSession().reply(to: engine.chatPrompt(request(budget: 3)), options: options()) { _ in .continue }
        #expect(plain.summary.reasoningTokens == 3 && plain.answer == "Paris.")
        let off = try engine.makeSession().reply(to: engine.chatPrompt(request(thinking: .off)), options: options()) { _ in .continue }
        #expect(off.summary.reasoningTokens == 0 && off.reasoning.isEmpty && off.answer == "Paris.")
        // Asked to think, it finds the block open.
        #expect(try engine.chatPrompt(request(thinking: .on)).text.hasSuffix("<｜Assistant｜><think>\n"))
    }

    @Test("the template's own switch is used where it has one")
    func templateSwitch() throws {
        var model = ScriptedModel.thinker()
        model.template =
            "{% for m in messages %}{{ m.content }}{% endfor %}{{ '<｜Assistant｜>' }}{% if thinking %}{{ '<think>\\n' }}{% else %}{{ '</think>\\n\\n' }}{% endif %}"
        let engine = try engine(model)
        #expect(engine.chatFormat.thinkingSwitch?.variable == "thinking")
        #expect(try engine.chatPrompt(request()).startsInReasoning)
        #expect(try engine.chatPrompt(request(thinking: .on)).startsInReasoning)
        let off = try engine.chatPrompt(request(thinking: .off))
        #expect(!off.startsInReasoning && off.text.hasSuffix("</think>\n\n"))
        var explicit = request()
        explicit.variables["thinking"] = false
        #expect(!(try engine.chatPrompt(explicit).startsInReasoning))
        #expect(try engine.makeSession().reply(to: off, options: options()) { _ in .continue }.answer == "Paris.")
    }

    @Test("a model without reasoning refuses to be asked for it, and accepts a budget without complaint")
    func none() throws {
        var model = ScriptedModel.thinker()
        (model.userDefined, model.template) = ([], "{% for m in messages %}{{ m.content }}{% endfor %}{{ '<｜Assistant｜>' }}")
        model.words = ["Paris", ".", "<｜Assistant｜>"]
        model.script = ["<｜Assistant｜>": ["Paris"], "Paris": ["."], ".": [ScriptedModel.end]]
        model.control = ["<｜Assistant｜>"]
        let engine = try engine(model)
        #expect { try engine.chatPrompt(request(thinking: .on)) } throws: { ($0 as? HadalError)?.code == .unsupported }
        let reply = try engine.makeSession().reply(to: engine.chatPrompt(request(budget: 0, thinking: .off)), options: options()) { _ in
            .continue
        }
        #expect(reply.answer == "Paris." && reply.reasoning.isEmpty)
    }

    @Test("random numbers go on where reasoning was closed", arguments: backends)
    func seeds(backend: String) throws {
        var model = ScriptedModel.thinker()
        let thoughts = [" one", " two", " three", " four"]
        let answers = ["A", "B", "C", "D", "E"]
        model.words += thoughts + answers
        model.script["\n"] = thoughts
        for thought in thoughts { model.script[thought] = thoughts }
        model.script["\n\n"] = answers
        for answer in answers { model.script[answer] = answers }
        let engine = try engine(model, backend)
        let prompt = try engine.chatPrompt(request(budget: 9))
        let sampled = options {
            $0.sampling = SamplingOptions()
            $0.sampling.seed = 42
            $0.maxTokens = 200
        }
        let first = try engine.makeSession().reply(to: prompt, options: sampled) { _ in .continue }
        // The same by hand, with one sampler throughout.
        let sampler = try Sampler(options: sampled.sampling, vocabulary: engine.vocabularySize)
        let session = engine.makeSession()
        try session.append(prompt.ids)
        var tokens: [Int32] = []
        func draw(_ count: Int) throws {
            for _ in 0..<count {
                let token = session.tokens.withUnsafeBufferPointer { sampler.sample(session.logits.baseAddress!, history: $0) }
                tokens.append(token)
                try session.append([token])
            }
        }
        try draw(9)
        let closing = try #require(engine.tokenizer).encode(try #require(prompt.format.closing(unused: false)), parseSpecial: true)
        tokens += closing
        try session.append(closing)
        try draw(200 - 9 - closing.count)
        #expect(first.tokens == tokens && first.summary.reason == .length)
        #expect(Set(first.tokens.suffix(40)).count > 1)
        let again = try engine.makeSession().reply(to: prompt, options: sampled) { _ in .continue }
        #expect(again.tokens == first.tokens)
    }

    @Test("most tokens count throughout: thoughts, the closing line and the answer")
    func maxTokens() throws {
        let engine = try engine(.thinker(thinksForever: true))
        let closing = try #require(engine.tokenizer).encode(try #require(engine.chatFormat.closing(unused: false)), parseSpecial: true)
            .count
        for limit in 0...(closing + 8) {
            let reply = try engine.makeSession().reply(to: engine.chatPrompt(request(budget: 4)), options: options { $0.maxTokens = limit })
            { _ in .continue }
            #expect(reply.tokens.count == reply.summary.generatedTokens && reply.tokens.count <= limit)
            #expect(reply.summary.reason == (limit >= closing + 7 ? .endOfText : .length), "\(limit)")
        }
    }

    @Test("stop strings end the answer, not the thoughts")
    func stops() throws {
        let engine = try engine(.thinker())
        let reply = try engine.makeSession().reply(to: engine.chatPrompt(request()), options: options { $0.stopStrings = ["yes", "ris."] })
        { _ in .continue }
        #expect(reply.reasoning == "hmm, yes" && reply.answer == "Pa" && reply.summary.reason == .stopString)
        let budgeted = try engine.makeSession().reply(
            to: engine.chatPrompt(request(budget: 1)), options: options { $0.stopStrings = ["."] }
        ) { _ in .continue }
        #expect(budgeted.answer == "Paris" && budgeted.summary.reason == .stopString)
    }

    @Test("a full context ends a reply that is still thinking")
    func contextFull() throws {
        let engine = try engine(.thinker(thinksForever: true)) { $0.contextLength = 40 }
        for budget in [nil, 10, 20] as [Int?] {
            let reply = try engine.makeSession().reply(to: engine.chatPrompt(request(budget: budget)), options: options()) { _ in .continue
            }
            #expect(reply.summary.reason == .contextFull && reply.answer.isEmpty)
        }
    }

    @Test("a turn cut off among its thoughts leaves a conversation that goes on", arguments: [true, false])
    func cutOff(byCancelling: Bool) throws {
        let engine = try engine(.thinker())
        let conversation = Conversation(engine: engine)
        let first = try conversation.ask("Where?", options: options { $0.maxTokens = byCancelling ? nil : 2 }) { event in
            if case .reasoning = event, byCancelling { return .stop }
            return .continue
        }
        #expect(first.summary.reason == (byCancelling ? .cancelled : .length) && first.answer.isEmpty && !first.reasoning.isEmpty)
        #expect(conversation.messages.map(\.role) == ["user", "assistant"])
        let second = try conversation.ask("And now?", options: options()) { _ in .continue }
        #expect(second.answer == "Paris." && second.reasoning == "hmm, yes")
        #expect(
            try #require(engine.tokenizer).decode(conversation.session.tokens).hasSuffix(
                "<｜User｜>Where?<｜Assistant｜> <｜end▁of▁sentence｜><｜User｜>And now?<｜Assistant｜><think>\nhmm, yes</think>\n\nParis."))
        conversation.undo()
        #expect(conversation.messages.count == 2)
    }

    @Test("thoughts of earlier turns are left out, and what the turns have in common is not computed again")
    func history() throws {
        let engine = try engine(.thinker())
        let conversation = Conversation(engine: engine, system: "Be brief.")
        _ = try conversation.ask("Where?", options: options()) { _ in .continue }
        let before = conversation.session.tokens
        let second = try conversation.ask("And now?", options: options()) { _ in .continue }
        let now = conversation.session.tokens
        let text = try #require(engine.tokenizer).decode(now)
        #expect(
            text.contains("<｜Assistant｜>Paris.<｜end▁of▁sentence｜><｜User｜>And now?") && text.hasPrefix(ScriptedModel.begin + "Be brief."))
        // Kept up to where the thoughts began.
        let common = zip(before, now).prefix { $0 == $1 }.count
        #expect(second.reusedTokens == common && common >= 13 && second.promptTokens + common + second.tokens.count == now.count)
    }

    @Test("tool calls are events of their own, and their results go back to the model", arguments: backends)
    func toolCalls(backend: String) throws {
        let engine = try engine(.caller(), backend)
        // The template adds arguments to a text: they must be text.
        #expect(engine.chatFormat.takesArgumentsAsText)
        let conversation = Conversation(engine: engine)
        conversation.request.tools = Self.tools
        var events: [String] = []
        let reply = try conversation.ask("Weather?", options: options()) { event in
            switch event {
            case .reasoning(let text): events.append("reasoning \(text)")
            case .text(let text): events.append("text \(text)")
            case .toolCall(let call): events.append("call \(call.name) \(call.argumentsJSON)")
            case .restored, .textWasReasoning, .token, .logProbabilities, .finished: break
            }
            return .continue
        }
        #expect(events == ["reasoning hmm", "text Let me look.", #"call get_weather {"city": "Oslo"}"#])
        #expect(reply.summary.reason == .toolCalls && reply.toolCalls.map(\.id) == ["call00001"])
        conversation.addResult("21 degrees", for: reply.toolCalls[0])
        let second = try conversation.answer(options: options()) { _ in .continue }
        let text = try #require(engine.tokenizer).decode(conversation.session.tokens)
        #expect(text.contains("<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Oslo\"}\n```<｜tool▁call▁end｜>"))
        #expect(text.contains("<｜tool▁output▁begin｜>21 degrees<｜tool▁output▁end｜>"))
        #expect(second.toolCalls.map(\.id) == ["call00002"])
    }

    @Test("a call that is broken is text, and so is one that nobody offered")
    func brokenCalls() throws {
        let broken = try engine(.caller(#"{"city": }"#))
        let reply = try broken.makeSession().reply(to: broken.chatPrompt(request(tools: Self.tools)), options: options()) { _ in .continue }
        #expect(reply.toolCalls.isEmpty && reply.summary.reason == .endOfText)
        #expect(
            reply.answer
                == "Let me look.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": }\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
        )
        let unasked = try engine(.caller())
        let plain = try unasked.makeSession().reply(to: unasked.chatPrompt(request()), options: options()) { _ in .continue }
        #expect(plain.toolCalls.isEmpty && plain.answer.contains(#"{"city": "Oslo"}"#))
    }

    private func silentThinker() -> ScriptedModel {
        ScriptedModel(
            words: ["Okay, ", "plan", "Ans", "<think>", "</think>", "<｜User｜>", "<｜Assistant｜>"], control: ["<｜User｜>", "<｜Assistant｜>"],
            userDefined: ["<think>", "</think>"],
            template:
                "{% for m in messages %}{{ '<｜User｜>' if m.role == 'user' else '<｜Assistant｜>' }}{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}{% endfor %}<｜Assistant｜>",
            script: [
                "<｜Assistant｜>": ["Okay, "], "Okay, ": ["plan"], "plan": ["</think>"], "</think>": ["\n\n"], "\n\n": ["Ans"],
                "Ans": [ScriptedModel.end],
            ])
    }

    @Test("text before the only closing marker was thought, in the events, the reply, the history and the next prompt")
    func reasoningThatWasNotOpened() throws {
        let engine = try engine(silentThinker())
        let conversation = Conversation(engine: engine)
        var events: [String] = []
        let reply = try conversation.ask("Where?", options: options { $0.stopStrings = ["zzz"] }) { event in
            switch event {
            case .text(let text): events.append("text \(text)")
            case .reasoning(let text): events.append("reasoning \(text)")
            case .textWasReasoning(let text): events.append("was \(text)")
            case .toolCall, .token, .restored, .logProbabilities, .finished: break
            }
            return .continue
        }
        #expect(events == ["text Okay, ", "text plan", "was Okay, plan", "text Ans"])
        #expect(reply.answer == "Ans" && reply.reasoning == "Okay, plan" && reply.summary.reasoningTokens == 2)
        #expect(conversation.messages.last == .assistant("Ans", reasoning: "Okay, plan"))
        let next = try engine.chatPrompt(ChatRequest(messages: conversation.messages + [.user("And?")]))
        #expect(next.text.contains("<think>Okay, plan</think>Ans<｜User｜>And?"))
    }
}
