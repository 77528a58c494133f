@testable import HadalEngine
import Testing

@Suite("Stop strings")
struct StopMatcherTests {
    private func run(_ stops: [String], _ pieces: [String]) -> (text: String, stop: String?) {
        var matcher = StopMatcher(stops)
        var shown = ""
        for piece in pieces {
            let (text, stop) = matcher.feed(piece)
            shown += text
            if let stop { return (shown, stop) }
        }
        return (shown + matcher.finish(), nil)
    }

    @Test func acrossPieces() {
        #expect(run(["END"], ["one E", "N", "D two"]) == ("one ", "END"))
        #expect(run(["END"], ["one E", "N", "X two"]) == ("one ENX two", nil))
    }

    @Test func earliestOfSeveral() {
        #expect(run(["bb", "abb"], ["xabb"]) == ("x", "abb"))
        #expect(run(["ab", "abb"], ["xabb"]) == ("x", "ab"))
    }

    @Test func nothingIsHeldBackWithoutNeed() {
        var matcher = StopMatcher(["###"])
        #expect(matcher.feed("hello") == ("hello", nil))
        #expect(matcher.feed("a#") == ("a", nil))
        #expect(matcher.feed("b") == ("#b", nil))
    }

    @Test func charactersStayWhole() { #expect(run(["é!"], ["caf", "é", "?"]) == ("café?", nil)) }

    @Test func emptyStopsAreIgnored() { #expect(run([""], ["text"]) == ("text", nil)) }
}
