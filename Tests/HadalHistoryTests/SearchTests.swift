import HadalCore
import TestSupport
import Testing

@testable import HadalHistory

@Suite("Search in conversations")
struct SearchTests {
    @Test("all words are found anywhere in title and texts, in any case and script", arguments: [nil, "secret"])
    func words(_ passphrase: String?) throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        if let passphrase { try history.changePassphrase(from: nil, to: passphrase) }
        try history.add("Über den Himmel", ["Why is the SKY blue?", "Because of Rayleigh scattering."])
        try history.add("天空", ["为什么天空是蓝色的？", "因为瑞利散射。"])
        let third = try history.add("Cooking", ["Blue cheese"])
        try history.append([HistoryMessage(parent: nil, role: .assistant, content: "", reasoning: "Roquefort")], to: third.id)
        #expect(try history.titles("sky") == ["Über den Himmel"])
        #expect(try history.titles("blue") == ["Cooking", "Über den Himmel"])
        #expect(try history.titles("BLUE ray") == ["Über den Himmel"])
        #expect(try history.titles("blue cheese rayleigh") == [])
        #expect(try history.titles("über sky") == ["Über den Himmel"])
        #expect(try history.titles("ÜBER") == ["Über den Himmel"])
        #expect(try history.titles("roquefort") == ["Cooking"])
        #expect(try history.titles("散射") == ["天空"])
        #expect(try history.titles("蓝") == ["天空"])
        #expect(try history.titles("天空 瑞利") == ["天空"])
        #expect(try history.titles("%") == [])
        #expect(try history.titles("  ").count == 3)
        #expect(try history.conversations(matching: "blue", limit: 1).map(\.conversation.title) == ["Cooking"])
    }

    @Test("what changes is found as it is now", arguments: [nil, "secret"])
    func changes(_ passphrase: String?) throws {
        let fixture = try HistoryFixture()
        let history = fixture.history
        if let passphrase { try history.changePassphrase(from: nil, to: passphrase) }
        let conversation = try history.add("first", ["alpha"])
        #expect(try history.titles("alpha") == ["first"])
        var message = try history.content(of: conversation.id).messages[0]
        message.content = "omega"
        try history.update(message)
        #expect(try history.titles("alpha") == [])
        #expect(try history.titles("omega") == ["first"])
        // By another process.
        let other = fixture.reopened()
        if let passphrase { try other.unlock(passphrase) }
        _ = try other.update(conversation.id, title: "second")
        try other.add("third", ["omega"])
        #expect(try history.titles("omega") == ["third", "second"])
        try other.delete(conversation.id)
        #expect(try history.titles("omega") == ["third"])
    }

    @Test("a snippet shows what was found and its surroundings")
    func snippets() throws {
        let fixture = try HistoryFixture()
        let long = String(repeating: "before ", count: 40) + "İstanbul\nNEEDLE here" + String(repeating: " after", count: 40)
        try fixture.history.add("needle of the title", ["nothing", long])
        try fixture.history.add("needle alone", ["nothing"])
        let found = try fixture.history.conversations(matching: "needle")
        #expect(found[0].snippet == nil)
        let snippet = try #require(found[1].snippet)
        #expect(snippet.contains("İstanbul NEEDLE here after"))
        #expect(snippet.hasPrefix("…"))
        #expect(snippet.hasSuffix("…"))
        #expect(snippet.count < 120)
        #expect(SearchQuery("b").snippet(in: ["a", "abc"]) == "abc")
    }

    @Test("folding gives offsets that lead back to the text")
    func folding() {
        #expect(SearchQuery.fold("AbÄ蓝") == Array("abä蓝".utf8))
        for text in ["ΑΣ", "İ", "ẞ", "\u{1F600}", "Ж\u{301}", "a\u{0}b"] {
            #expect(SearchQuery(text).matches([SearchQuery.fold("x\(text)y")]), "\(text)")
            #expect(SearchQuery(text).snippet(in: ["x\(text)y"]) == "x\(text)y")
        }
    }
}
