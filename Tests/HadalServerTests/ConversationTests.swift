import Hadal
import HadalCore
import Testing

@testable import HadalServer

/// What a conversation becomes before it is rendered.
@Suite("Normalised conversations")
struct ConversationTests {
    private func normalized(_ messages: [WireMessage], _ memory: CallMemory = CallMemory()) -> [ChatMessage] {
        NormalizedConversation(messages, calls: memory).messages
    }

    @Test("system messages at the beginning are one, later ones are what the user says")
    func system() {
        let messages = normalized([
            WireMessage(role: .system, text: "a"), WireMessage(role: .system, text: ""), WireMessage(role: .system, text: "b"),
            WireMessage(role: .user, text: "c"), WireMessage(role: .system, text: "d"), WireMessage(role: .assistant, text: "e"),
            WireMessage(role: .system, text: "f"),
        ])
        #expect(messages == [.system("a\n\nb"), .user("c\n\nd"), .assistant("e"), .user("f")])
    }

    @Test("turns of the assistant that say nothing go, and what stands beside them is one turn")
    func empty() {
        let messages = normalized([
            WireMessage(role: .user, text: "a"), WireMessage(role: .assistant, reasoning: "only a thought"),
            WireMessage(role: .user, text: "b"),
        ])
        #expect(messages == [.user("a\n\nb")])
    }

    @Test("items of one answer are one turn, with its thoughts, text and calls")
    func items() {
        let call = ToolCall(id: "x", name: "f", argumentsJSON: "{}")
        let messages = normalized([
            WireMessage(role: .user, text: "a"), WireMessage(role: .assistant, text: "t", reasoning: "r"),
            WireMessage(role: .assistant, calls: [call]),
            WireMessage(role: .assistant, calls: [ToolCall(id: "y", name: "g", argumentsJSON: "{}")]),
            WireMessage(role: .tool, text: "1", callID: "x"), WireMessage(role: .tool, text: "2", callID: "y"),
        ])
        #expect(messages.count == 4)
        #expect(messages[1].content == "t" && messages[1].reasoning == "r" && messages[1].toolCalls.map(\.name) == ["f", "g"])
        #expect(messages[2].name == "f" && messages[3].name == "g")
        #expect(messages[2].toolCallID == messages[1].toolCalls[0].id && messages[3].toolCallID == messages[1].toolCalls[1].id)
    }

    @Test("reasoning that comes as an item of its own belongs to the turn that it begins")
    func reasoningItem() {
        let call = ToolCall(id: "x", name: "f", argumentsJSON: "{}")
        let messages = normalized([
            WireMessage(role: .user, text: "a"), WireMessage(role: .assistant, reasoning: "r"),
            WireMessage(role: .assistant, calls: [call]),
            WireMessage(role: .tool, text: "1", callID: "x"), WireMessage(role: .assistant, reasoning: "q"),
            WireMessage(role: .assistant, text: "t"),
        ])
        #expect(messages.map(\.role) == [.user, .assistant, .tool, .assistant])
        #expect(messages[1].reasoning == "r" && messages[3].reasoning == "q")
    }

    @Test("reasoning before a call comes back though its client leaves it out, and not where the client sends other")
    func droppedReasoning() {
        let memory = CallMemory()
        let id = memory.note(ToolCall(id: "", name: "f", argumentsJSON: "{}"), reasoning: "why")
        func reasoning(_ sent: String?, _ id: String) -> String? {
            normalized([WireMessage(role: .assistant, reasoning: sent, calls: [ToolCall(id: id, name: "f", argumentsJSON: "{}")])], memory)
                .first?.reasoning
        }
        #expect(reasoning(nil, id) == "why" && reasoning("other", id) == "other" && reasoning(nil, "unknown") == nil)
    }

    @Test("ids change nothing")
    func ids() {
        func conversation(_ id: String) -> [WireMessage] {
            [
                WireMessage(role: .user, text: "a"),
                WireMessage(role: .assistant, calls: [ToolCall(id: id, name: "f", argumentsJSON: "{}")]),
                WireMessage(role: .tool, text: "1", callID: id),
            ]
        }
        #expect(normalized(conversation("call_1")) == normalized(conversation("toolu_zzz")))
    }

    @Test("a call comes back as the model wrote it, unless it was changed")
    func written() {
        let memory = CallMemory()
        let id = memory.note(ToolCall(id: "", name: "f", argumentsJSON: #"{"b":1,  "a": [2]}"#))
        func arguments(_ text: String) -> String? {
            normalized([WireMessage(role: .assistant, calls: [ToolCall(id: id, name: "f", argumentsJSON: text)])], memory).first?.toolCalls
                .first?.argumentsJSON
        }
        #expect(arguments(#"{"a": [2], "b": 1}"#) == #"{"b":1,  "a": [2]}"#)
        #expect(arguments(#"{"a": [3], "b": 1}"#) == #"{"a": [3], "b": 1}"#)
    }

    @Test("a call is read as it was written, and nothing else is")
    func writtenCall() {
        let call = WrittenCall(arguments: #"{"b":1,  "a": "ü"}"#, reasoning: "why\n")
        #expect(WrittenCall(call.text) == call)
        for text in ["", "{}", #"{"arguments": "{}"}"#, #"{"arguments": {}, "reasoning": ""}"#] { #expect(WrittenCall(text) == nil) }
    }

    @Test("the memory of calls is bounded")
    func bounded() {
        let memory = CallMemory(limit: 4)
        let ids = (0..<9).map { memory.note(ToolCall(id: "", name: "f", argumentsJSON: "{\"n\":  \($0)}")) }
        func isKnown(_ index: Int) -> Bool {
            memory.original(of: ToolCall(id: ids[index], name: "f", argumentsJSON: "{\"n\": \(index)}")).contains("  ")
        }
        #expect(!isKnown(0) && isKnown(8))
    }

    @Test("a system message goes before what the user says where a template knows none")
    func withoutSystem() {
        let conversation = NormalizedConversation(
            [WireMessage(role: .system, text: "s"), WireMessage(role: .user, text: "u")], calls: CallMemory())
        #expect(conversation.withoutSystem == [.user("s\n\nu")])
        let begun = NormalizedConversation(
            [WireMessage(role: .system, text: "s"), WireMessage(role: .assistant, text: "a")], calls: CallMemory())
        #expect(begun.withoutSystem == [.user("s"), .assistant("a")])
    }

    @Test("the order of keys and cache markers of a schema change nothing")
    func schema() throws {
        func text(_ schema: String) throws -> String { ToolOffer.canonical(try JSONDocument(parsing: schema, file: "s").root).text() }
        let one = try text(#"{"type":"object","properties":{"b":{"type":"string","description":"x"},"a":{}},"required":["b","a"]}"#)
        let two = try text(
            #"{"required":["b","a"],"cache_control":{"type":"ephemeral"},"properties":{"a":{},"b":{"description":"x","type":"string"}},"type":"object"}"#
        )
        #expect(one == two && one.contains(#""required": ["b", "a"]"#))
    }
}
