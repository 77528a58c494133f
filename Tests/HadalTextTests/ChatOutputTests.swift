import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalText

/// Whole outputs of models, in every form: what they say, what was thought, what was called, and how it comes in pieces.
@Suite struct ChatOutputTests {
    private struct Reply: Equatable {
        var reasoning = ""
        var text = ""
        var calls: [String] = []
    }

    private func read(_ item: ChatOutputCase, _ pieces: [String]) -> Reply {
        let template = item.form
        let conventions = ChatConventions.builtIn
        var parser = ChatOutputParser(
            conventions.reasoning(template: template, tokenizer: nil), conventions.tools(template: template, tokenizer: nil),
            afterPrompt: item.prompt, tools: ChatOutputCase.tools)
        var reply = Reply()
        var events: [ChatOutputParser.Event] = []
        for piece in pieces { events += parser.feed(piece) }
        for event in events + parser.finish(wasCut: item.wasCut) {
            switch event {
            case .reasoning(let text): reply.reasoning += text
            case .text(let text): reply.text += text
            case .toolCall(let call):
                #expect((try? JSONDocument(parsing: call.argumentsJSON, file: "call").root.object) != nil)
                reply.calls.append(
                    call.name
                        + call.argumentsJSON.replacingOccurrences(of: "\": ", with: "\":").replacingOccurrences(of: ", \"", with: ",\""))
            case .textWasReasoning(let text):
                reply.reasoning += text
                reply.text = ""
            }
        }
        return reply
    }

    /// Every way to cut a text in two, all its scalars, some random pieces, and the whole.
    private func cuts(_ text: String) -> [[String]] {
        let scalars = Array(text.unicodeScalars)
        func string(_ part: some Sequence<Unicode.Scalar>) -> String {
            var out = String.UnicodeScalarView()
            out.append(contentsOf: part)
            return String(out)
        }
        var random = SeededGenerator(seed: UInt64(scalars.count))
        let pieces = (0..<8).map { _ in
            var (pieces, at) = ([String](), 0)
            while at < scalars.count {
                let end = min(scalars.count, at + Int.random(in: 1...9, using: &random))
                pieces.append(string(scalars[at..<end]))
                at = end
            }
            return pieces
        }
        return [[text], scalars.map { string([$0]) }] + (0...scalars.count).map { [string(scalars[..<$0]), string(scalars[$0...])] }
            + pieces
    }

    private func check(_ item: ChatOutputCase) {
        let wanted = Reply(reasoning: item.reasoning, text: item.text, calls: item.calls)
        for pieces in cuts(item.output) {
            let found = read(item, pieces)
            #expect(found == wanted, "\(pieces): \(found)")
            if found != wanted { return }
        }
    }

    @Test("every form is read, however it is cut", arguments: ChatOutputCase.forms)
    func everyForm(_ item: ChatOutputCase) { check(item) }

    @Test("a call ends thoughts that were not closed, in every form", arguments: ChatOutputCase.unclosed)
    func callsInThoughts(_ item: ChatOutputCase) { check(item) }

    @Test("thoughts without a marker, and calls in them", arguments: ChatOutputCase.thoughts)
    func markersLeftOut(_ item: ChatOutputCase) { check(item) }

    @Test("what was left out is put right where the end is certain", arguments: ChatOutputCase.repairs)
    func leftOut(_ item: ChatOutputCase) { check(item) }

    @Test("a call that was not written to its end is none", arguments: ChatOutputCase.refused)
    func unfinishedCalls(_ item: ChatOutputCase) { check(item) }

    @Test("random outputs come to the same however they are cut, and lose nothing")
    func fuzz() {
        var random = SeededGenerator(seed: 5)
        let all = ChatOutputCase.forms + ChatOutputCase.repairs + ChatOutputCase.thoughts
        for round in 0..<160 {
            let form = all[Int.random(in: 0..<all.count, using: &random)].form + " <think>"
            let conventions = ChatConventions.builtIn
            let literals =
                conventions.tools(template: form, tokenizer: nil).flatMap(\.literals) + [
                    "<think>", "</think>", "\n", " ", "{", "}", "\"", "get_weather", "city", "Rom", "7", "noargs", "{}", "null", "[", "]",
                ]
            let output = (0..<Int.random(in: 1...14, using: &random)).map { _ in
                literals[Int.random(in: 0..<literals.count, using: &random)]
            }.joined()
            let item = ChatOutputCase(form: form, output: output, prompt: round % 3 == 0 ? "<think>\n" : "", wasCut: round % 2 == 0)
            let whole = read(item, [output])
            for pieces in cuts(output) {
                let found = read(item, pieces)
                #expect(found == whole, "\(form): \(pieces): \(found) is not \(whole)")
                if found != whole { break }
            }
        }
    }
}
