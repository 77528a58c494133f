import HadalCore
import Testing
import TestSupport

@Suite struct JSONTests {
    static func parse(_ text: String) throws -> JSON { try JSONDocument(parsing: text, file: "f.json").root }

    static let good: [(String, JSON)] = [
        ("null", JSON(.null)), ("[1, -2, 3.5, 1e2]", [1, -2, 3.5, 100.0]), (#"{"a": {"b": [true, false]}}"#, ["a": ["b": [true, false]]]),
        (#""\u00e9\n\ud83d\ude00\/""#, "é\n😀/"), ("9223372036854775807", 9_223_372_036_854_775_807), ("\u{FEFF}{}", [:]),
        ("18446744073709551616", 18446744073709551616.0), (#""\ud800""#, "\u{FFFD}"),
    ]

    @Test(arguments: good)
    func parses(text: String, wanted: JSON) throws {
        #expect(try Self.parse(text) == wanted)
        #expect(try Self.parse(wanted.text()) == wanted)
        #expect(try Self.parse(wanted.text(indent: 2)) == wanted)
    }

    @Test(arguments: [
        ("", 1, 1), ("{", 1, 2), ("[1,]", 1, 4), ("{\"a\":1,}", 1, 8), ("{\n \"a\" 1}", 2, 6), ("01", 1, 2), ("1.", 1, 3), ("nul", 1, 1),
        ("[1] x", 1, 5),
        ("\"\\q\"", 1, 2), ("\"a\nb\"", 1, 3), ("\"abc", 1, 1), ("\"\\u12\"", 1, 4), ("-", 1, 2), ("+1", 1, 1), ("nan", 1, 1),
        ("-Inf", 1, 2), ("[Infinit]", 1, 2),
    ])
    func refusesWithAPlace(text: String, line: Int, column: Int) {
        let error = expectError(.malformed) { try Self.parse(text) }
        #expect(error?.place == SourcePlace("f.json", .text(line: line, column: column)), "\(error.map(\.description) ?? "none")")
    }

    /// What Python's json module writes and reads beyond the standard.
    @Test func pythonsNumbersAreRead() throws {
        let values = try #require(try Self.parse(#"{"a": [NaN, Infinity, -Infinity, 1e999], "a ": 0}"#)["a"]?.array)
        #expect(values[0].double?.isNaN == true && values[0].int == nil)
        #expect(values[1...].map(\.double) == [.infinity, -.infinity, .infinity] && values[1].int == nil)
        #expect(values[1].text() == "null")
    }

    @Test(
        arguments: [("hello\nx", "hello"), ("nope", "nope"), ("<html>", "<html>"), ("{% for m in messages %}", nil), ("", nil)]
            as [(String, String?)])
    func textThatIsNoJSONIsQuoted(_ text: String, _ start: String?) {
        let error = expectError(.malformed) { try Self.parse(text) }
        if let start {
            #expect(error?.message == "the text is not JSON: it starts with '\(start)'")
        } else {
            #expect(error?.message.contains("null") == false)
        }
    }

    @Test func nestingIsBounded() {
        expectError(.limitExceeded) { try Self.parse(String(repeating: "[", count: 100_000)) }
    }

    @Test func duplicateKeysAreRefusedOnRequest() throws {
        #expect(try Self.parse(#"{"a": 1, "a": 2}"#)["a"]?.int == 2)
        expectError(.malformed, "f:1:10", "key 'a' appears twice") {
            try JSONDocument(parsing: #"{"a": 1, "a": 2}"#, file: "f", rejectDuplicateKeys: true)
        }
        // Keys are compared by bytes, not by canonical equivalence.
        #expect(try JSONDocument(parsing: "{\"\u{E9}\": 1, \"e\u{301}\": 2}", file: "f", rejectDuplicateKeys: true).root.object?.count == 2)
    }

    /// The examples of RFC 7396, appendix A, that concern objects and lists.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, "{}"),
        (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#), (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#), (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#), (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
        ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func mergePatch(target: String, patch: String, wanted: String) throws {
        #expect(try Self.parse(target).mergePatched(with: Self.parse(patch)) == Self.parse(wanted))
    }

    @Test func mergedDocumentsKnowWhereTheirValuesStand() throws {
        let base = try JSONDocument(parsing: "{\"a\": {\"x\": 1},\n \"b\": 2}", file: "base")
        let child = try JSONDocument(parsing: "{\n\n\"a\": {\"y\": 3}}", file: "child")
        let merged = JSONDocument(merging: [base, child])
        let inner = try #require(merged.root["a"])
        #expect(merged.place(of: try #require(inner["x"])).description == "base:1:13")
        #expect(merged.place(of: try #require(inner["y"])).description == "child:3:12")
        #expect(merged.place(of: try #require(merged.root["b"])).description == "base:2:7")
        #expect(merged.place(of: merged.root).file == "child")
    }

    @Test func fieldsRefuseWhatNobodyAskedFor() throws {
        let document = try JSONDocument(parsing: "{\"a\": 1,\n \"zz\": 2}", file: "f")
        var fields = try JSONFields(document.root, in: document, what: "thing")
        #expect(try fields.int("a") == 1)
        let error = expectError(.malformed) { try fields.finish() }
        #expect(error?.description == "f:2:2: thing: unknown key 'zz' (known keys: a)")
    }
}
