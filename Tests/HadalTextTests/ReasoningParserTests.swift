import HadalText
import Testing
import TestSupport

@Suite struct ReasoningParserTests {
    private func split(_ pieces: [String], inside: Bool = false, markers: ReasoningMarkers = .think) -> (reasoning: String, answer: String) {
        var parser = ReasoningParser(markers, startsInside: inside)
        var events: [ReasoningParser.Event] = []
        for piece in pieces { events += parser.feed(piece) }
        events += parser.finish()
        var result = ("", "")
        for event in events {
            switch event {
            case .reasoning(let text):
                #expect(!text.isEmpty && result.1.isEmpty)
                result.0 += text
            case .answer(let text):
                #expect(!text.isEmpty)
                result.1 += text
            }
        }
        return result
    }

    @Test(arguments: [
        ("<think>\nhm\n\nyes\n</think>\n\nHello", false, "hm\n\nyes", "Hello"), ("hm</think>Hello", true, "hm", "Hello"),
        ("Hello", false, "", "Hello"), ("\n Hello <think>x</think>", false, "", "\n Hello <think>x</think>"),
        ("<think>\n\n</think>\n\nHi", false, "", "Hi"), ("<think>never ends <", false, "never ends <", ""), ("<thin", false, "", "<thin"),
        ("a </thinker> b</think> c</think>", true, "a </thinker> b", " c</think>"), ("", true, "", ""), ("\n<think>é😀</think>e\u{301}", false, "é😀", "e\u{301}"),
        ("</think>", true, "", ""), ("<<think>", false, "", "<<think>"), ("a<</think>b", true, "a<", "b"),
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
            #expect(Array(result.reasoning.utf8) == Array(reasoning.utf8) && Array(result.answer.utf8) == Array(answer.utf8), "\(pieces): \(result)")
        }
    }

    @Test func nothingIsHeldBackWithoutNeed() {
        var parser = ReasoningParser(startsInside: true)
        #expect(parser.feed("thinking") == [.reasoning("thinking")])
        #expect(parser.feed(" <") == [.reasoning(" ")])
        #expect(parser.feed("b> x</th") == [.reasoning("<b> x")])
        #expect(parser.isReasoning)
        #expect(parser.feed("ink>Yes") == [.answer("Yes")])
        #expect(!parser.isReasoning)
        #expect(parser.feed("!") == [.answer("!")])
    }

    @Test func thePromptTellsWhetherTheBlockIsOpen() {
        #expect(ReasoningMarkers.think.isOpen(atEndOf: "User: hi\nAssistant: <think>\n"))
        #expect(!ReasoningMarkers.think.isOpen(atEndOf: "Assistant: <think>\n\n</think>\n\n"))
        #expect(!ReasoningMarkers.think.isOpen(atEndOf: "Assistant:"))
        var parser = ReasoningParser(afterPrompt: "<think>")
        #expect(parser.feed("a</think>b") == [.reasoning("a"), .answer("b")])
    }

    @Test func lineEndsAfterABlockThatThePromptClosedAreNoAnswer() {
        var parser = ReasoningParser(afterPrompt: "<think>\n</think>")
        #expect(parser.feed("\n").isEmpty)
        #expect(parser.feed("\n a\n") == [.answer(" a\n")])
    }

    @Test func otherMarkers() {
        let result = split(["[THI", "NK]x[/TH", "INK]y"], markers: ReasoningMarkers(open: "[THINK]", close: "[/THINK]"))
        #expect(result.reasoning == "x" && result.answer == "y")
    }
}
