@testable import HadalEngine
import Testing

@Suite("Stop strings")
struct StopMatcherTests {
    private func run(_ stops: [String], _ pieces: [String]) -> (text: String, stopped: Bool) {
        var matcher = StopMatcher(stops)
        var shown = ""
        for piece in pieces {
            let (text, stopped) = matcher.feed(piece)
            shown += text
            if stopped { return (shown, true) }
        }
        return (shown + matcher.finish(), false)
    }

    @Test func acrossPieces() {
        #expect(run(["END"], ["one E", "N", "D two"]) == ("one ", true))
        #expect(run(["END"], ["one E", "N", "X two"]) == ("one ENX two", false))
    }

    @Test func earliestOfSeveral() { #expect(run(["bb", "abb"], ["xabb"]) == ("x", true)) }

    @Test func nothingIsHeldBackWithoutNeed() {
        var matcher = StopMatcher(["###"])
        #expect(matcher.feed("hello") == ("hello", false))
        #expect(matcher.feed("a#") == ("a", false))
        #expect(matcher.feed("b") == ("#b", false))
    }

    @Test func charactersStayWhole() { #expect(run(["é!"], ["caf", "é", "?"]) == ("café?", false)) }

    @Test func emptyStopsAreIgnored() { #expect(run([""], ["text"]) == ("text", false)) }
}
