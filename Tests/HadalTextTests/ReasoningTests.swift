import HadalCore
import Testing
import TestSupport

@testable import HadalText

@Suite struct ReasoningTests {
    private func parser(_ markers: ReasoningMarkers = .think, after prompt: String = "") -> ChatOutputParser {
        ChatOutputParser(markers, [], afterPrompt: prompt)
    }

    private func split(_ pieces: [String], inside: Bool = false, markers: ReasoningMarkers = .think) -> (reasoning: String, answer: String)
    {
        var parser = parser(markers, after: inside ? markers.open : "")
        var events: [ChatOutputParser.Event] = []
        for piece in pieces { events += parser.feed(piece) }
        events += parser.finish()
        var result = ("", "")
        for event in events {
            switch event {
            case .reasoning(let text):
                #expect(!text.isEmpty && result.1.isEmpty)
                result.0 += text
            case .text(let text):
                #expect(!text.isEmpty)
                result.1 += text
            case .textWasReasoning(let text): result = (result.0 + text, "")
            case .toolCall: Issue.record("no tools were offered")
            }
        }
        return result
    }

    @Test(arguments: [
        ("<think>\nhm\n\nyes\n</think>\n\nHello", false, "hm\n\nyes", "Hello"), ("hm</think>Hello", true, "hm", "Hello"),
        ("Hello", false, "", "Hello"), ("\n Hello <think>x</think>", false, "", "\n Hello <think>x</think>"),
        ("<think>\n\n</think>\n\nHi", false, "", "Hi"), ("<think>never ends <", false, "never ends <", ""), ("<thin", false, "", "<thin"),
        ("a </thinker> b</think> c</think>", true, "a </thinker> b", " c</think>"), ("", true, "", ""),
        ("\n<think>é😀</think>e\u{301}", false, "é😀", "e\u{301}"),
        ("</think>", true, "", ""), ("<<think>", false, "", "<<think>"), ("a<</think>b", true, "a<", "b"),
        // The opening marker left out: all before the only closing one was thought.
        ("Okay, plan\n</think>\n\nAns", false, "Okay, plan", "Ans"), ("</think>Ans", false, "", "Ans"),
        ("\n\n</think>\n\nAns", false, "", "Ans"),
        ("hm</think>a </think> b", false, "hm", "a </think> b"), ("hm</think>", false, "hm", ""),
        ("say `</think>` and \"</think>\"", false, "", "say `</think>` and \"</think>\""),
        // Opened twice, closed twice, thought twice.
        ("<think>\n<think>\nhm</think>\nA", false, "hm", "A"), ("<think>\nhm</think>A", true, "hm", "A"),
        ("\n <think>hm</think>A", true, "hm", "A"),
        ("a\n<think>\nb</think>c", true, "a\n\nb", "c"), ("the <think> tag</think>c", true, "the <think> tag", "c"),
        ("a</think>\n</think>\n\nb", true, "a", "b"), ("a</think></think>b", false, "a", "b"),
        ("<think>a</think>\n<think>b</think>c", false, "ab", "c"),
        ("<think></think>A", false, "", "A"), ("<think>", false, "", ""), ("<think><think>", false, "", ""), ("a\n", false, "", "a\n"),
    ])
    func howeverTheTextIsCut(text: String, inside: Bool, reasoning: String, answer: String) {
        var random = SeededGenerator(seed: 7)
        for round in 0..<40 {
            var pieces: [String] = []
            var piece = ""
            for scalar in text.unicodeScalars {
                piece.unicodeScalars.append(scalar)
                if round == 0 || (round > 1 && Bool.random(using: &random)) {
                    pieces.append(piece)
                    piece = ""
                }
            }
            pieces.append(piece)
            let result = split(pieces, inside: inside)
            #expect(
                Array(result.reasoning.utf8) == Array(reasoning.utf8) && Array(result.answer.utf8) == Array(answer.utf8),
                "\(pieces): \(result)")
        }
    }

    @Test func nothingIsHeldBackWithoutNeed() {
        var parser = parser(after: "<think>")
        #expect(parser.feed("thinking") == [.reasoning("thinking")])
        #expect(parser.feed(" <") == [.reasoning(" ")])
        #expect(parser.feed("b> x</th") == [.reasoning("<b> x")])
        #expect(parser.isReasoning)
        #expect(parser.feed("ink>Yes") == [.text("Yes")])
        #expect(!parser.isReasoning)
        #expect(parser.feed("!") == [.text("!")])
    }

    @Test func thePromptTellsWhetherTheBlockIsOpen() {
        #expect(ReasoningMarkers.think.isOpen(atEndOf: "User: hi\nAssistant: <think>\n"))
        #expect(!ReasoningMarkers.think.isOpen(atEndOf: "Assistant: <think>\n\n</think>\n\n"))
        #expect(!ReasoningMarkers.think.isOpen(atEndOf: "Assistant:"))
        var parser = parser(after: "<think>")
        #expect(parser.feed("a</think>b") == [.reasoning("a"), .text("b")])
    }

    @Test func lineEndsAfterABlockThatThePromptClosedAreNoAnswer() {
        var parser = parser(after: "<think>\n</think>")
        #expect(parser.feed("\n").isEmpty)
        #expect(parser.feed("\n a\n") == [.text(" a\n")])
    }

    @Test func otherMarkers() {
        let result = split(["[THI", "NK]x[/TH", "INK]y"], markers: ReasoningMarkers(open: "[THINK]", close: "[/THINK]"))
        #expect(result.reasoning == "x" && result.answer == "y")
    }
}
