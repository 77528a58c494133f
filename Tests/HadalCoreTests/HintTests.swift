import HadalCore
import Testing

@Suite("Hints of errors")
struct HintTests {
    typealias Hint = HadalError.Hint

    @Test(
        "are plain English in a description",
        arguments: [
            ([.raise(.contextLength)], "raise the context length"),
            ([.lower(.contextLength, to: .tokens(4096))], "lower the context length to at most 4096 tokens"),
            ([.raise(.expertMemory, to: .bytes(5 << 20))], "raise the limit on expert memory to at least 5MiB"),
            ([.raise(.memory, to: .bytes(1 << 30))], "raise the memory budget to at least 1GiB"),
            ([.set(.fallback, to: "warn")], "set the fallback policy to warn"),
            ([.remove(.threads), "or wait"], "leave the number of threads out; or wait"),
            ([.lower(.placement), .action(.pull("tiny"))], "place fewer ops on it; pull the model 'tiny'"),
        ] as [(Hint, String)])
    func words(hint: Hint, text: String) {
        #expect(hint.description == text)
        #expect(HadalError(.io, "no", at: SourcePlace("f"), hint: hint).description == "f: no (\(text))")
    }

    @Test("are rendered in a program's own words")
    func ownWords() {
        let error = HadalError(.contextFull, "full", hint: [.raise(.contextLength), "or start anew"])
        let text = error.text { step in
            if case .change(.contextLength, .raise, nil) = step { "see Preferences, Memory" } else { step.description }
        }
        #expect(text == "full (see Preferences, Memory; or start anew)")
    }

    @Test("are made of text where no setting helps, and grow")
    func plainText() {
        let none: String? = nil
        #expect(HadalError(.io, "no", hint: "do this").hint == ["do this"] && HadalError(.io, "no", hint: none).hint == nil)
        #expect(HadalError(.io, "no", hint: "do this").hint.adding(.raise(.threads)) == ["do this", .raise(.threads)])
        #expect(HadalError(.io, "no").hint.adding("do this") == ["do this"])
    }

    @Test("name every setting once")
    func distinct() {
        #expect(Set(Hint.Setting.allCases.map(\.description)).count == Hint.Setting.allCases.count)
    }
}
