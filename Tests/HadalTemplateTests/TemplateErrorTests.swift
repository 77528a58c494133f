import HadalCore
import HadalTemplate
import TestSupport
import Testing

@Suite struct TemplateErrorTests {
    private func failure(_ source: String, limits: TemplateLimits = .standard) -> (any Error)? {
        do {
            _ = try ChatTemplate(source: source, name: "t.jinja").render(messages: JSON(.array([])), limits: limits)
            return nil
        } catch { return error }
    }

    @Test(arguments: [
        ("a\n{% if %}", 2), ("{{ 'x", 1), ("{% nope %}", 1), ("\n\n{{ 1 | nope }}", 3), ("{% for x in y %}", 1), ("{{ (1 }}", 1),
        ("{% include 'x' %}", 1), ("{% break %}", 1), ("{# never ends", 1),
    ])
    func syntaxErrorsNameTheirLine(source: String, line: Int) throws {
        let error = try #require(failure(source) as? TemplateError)
        #expect(error.kind == .syntax)
        guard case .text(let found, _)? = error.place?.position else {
            Issue.record("no line in \(error)")
            return
        }
        #expect(found == line)
        #expect(error.description.hasPrefix("t.jinja:\(line):"))
        #expect(error.hadalError.code == .malformed)
    }

    @Test(arguments: [
        ("{{ nothing.x }}", "'nothing' is undefined", 1), ("a\n{{ 1 + 'a' }}", "unsupported operand", 2),
        ("{{ messages.append(1) }}", "unsafe", 1),
        ("{{ 1 / 0 }}", "division by zero", 1), ("{% for a, b in [1] %}{% endfor %}", "not iterable", 1),
        ("{{ [1] < 2 }}", "not supported", 1),
        ("{{ 2 ** 99999 }}", "4300 digits", 1), ("\n\n{{ messages[0].role }}", "no element 0", 3),
    ])
    func runtimeErrorsSayWhatAndWhere(source: String, message: String, line: Int) throws {
        let error = try #require(failure(source) as? TemplateError)
        #expect(error.kind == .runtime)
        #expect(error.message.contains(message), "\(error.message)")
        #expect(error.place?.position == .text(line: line, column: 1))
    }

    @Test func refusalsKeepTheTemplatesMessage() throws {
        let error = try #require(
            failure("{% if not messages %}{{ raise_exception('No messages: \"' ~ 1 ~ '\"') }}{% endif %}") as? TemplateError)
        #expect(error.kind == .raised)
        #expect(error.message == "No messages: \"1\"")
    }

    @Test func rowsTellRefusalsFromFailures() throws {
        let template = try ChatTemplate(source: "{{ raise_exception('no') if messages else missing.x }}")
        func row(_ text: String) throws -> JSONObject? { try template.renderRow(JSONDocument(parsing: text, file: "row").root).object }
        #expect(try row(#"{"messages": [1], "tools": null}"#)?["error_kind"]?.string == "raise_exception")
        #expect(try row(#"{"messages": []}"#)?["error_kind"]?.string == "runtime")
        expectError(.malformed, "needs an array \"messages\"") { try row(#"{"tools": []}"#) }
    }

    @Test(arguments: [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "{{ 'x' * 999999999999 }}", "{{ range(100001) }}",
        "{{ [0] * 999999999 }}", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{{ '%99999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x=[]) %}{% for i in range(9999) %}{% set n.x = [n.x] %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(99999) %}{% set n.x = n.x | map('string') %}{% endfor %}{{ n.x | list }}",
        "{% set n = namespace() %}{% set n.n = n %}{{ n }}", "{{ 'x' | center(99999999999) }}", "{{ 'x' | indent(99999999999) }}",
        "{{ 'x'.zfill(99999999999) }}", "{{ ('a' * 1000000).replace('', 'b' * 1000) }}",
        "{% for x in [[]] recursive %}{{ loop([[]]) }}{% endfor %}",
        "{{ [1] | batch(999999999, 0) | list }}", "{{ [1] | slice(999999999) | list }}", "{{ 1 | tojson(indent=99999999999) }}",
    ])
    func greedyTemplatesReachALimit(source: String) throws {
        let limits = TemplateLimits(steps: 200_000, depth: 100, outputBytes: 1 << 20)
        let error = try #require(failure(source, limits: limits) as? HadalError, "\(String(describing: failure(source, limits: limits)))")
        #expect(error.code == .limitExceeded)
        #expect(error.place != nil)
    }

    @Test(arguments: ["(", "[", "{'a':", "not ", "-", "x[", "x|f(", "a if b else ", "1 + (", "x.y(", "x is y("])
    func deepExpressionsAreRefused(opening: String) {
        expectError(.limitExceeded) { try ChatTemplate(source: "{{ " + String(repeating: opening, count: 10_000)) }
        let error = failure("{{ " + String(repeating: opening, count: 2_000) + "1")
        #expect((error as? HadalError)?.code == .limitExceeded, "\(String(describing: error))")
    }

    @Test(arguments: [" + 1", " ~ 'a' * 2 - 1", "|string", ".x", "[0]", " or 0", " ** 1"])
    func longChainsAreRefusedNotOverflowed(link: String) {
        #expect((failure("{{ 1" + String(repeating: link, count: 10_000) + " }}") as? HadalError)?.code == .limitExceeded)
    }

    @Test func deepBlocksAreRefused() {
        #expect((failure(String(repeating: "{% if true %}", count: 10_000)) as? HadalError)?.code == .limitExceeded)
        #expect((failure(String(repeating: "{% for x in y %}", count: 10_000)) as? HadalError)?.code == .limitExceeded)
    }

    @Test func ordinaryChainsAreFine() throws {
        let sum = "{{ 0" + String(repeating: " + 1", count: 150) + " }}"
        #expect(try ChatTemplate(source: sum).render(messages: JSON(.array([]))) == "150")
    }

    @Test func clocksAreReadStrictly() throws {
        #expect(
            try TemplateClock(iso8601: "2025-03-09T14:05:06") == TemplateClock(year: 2025, month: 3, day: 9, hour: 14, minute: 5, second: 6)
        )
        #expect(try TemplateClock(iso8601: "2024-02-29") == TemplateClock(year: 2024, month: 2, day: 29))
        #expect(try TemplateClock(iso8601: "2025-03-09 14:05:06.25+01:00").microsecond == 250_000)
        for bad in [
            "", "2025", "2025-02-29", "2025-13-01", "2025-01-01T25:00", "2025-01-01T10", "2025-01-01x", "2025-01-01T10:00:00.",
            "٢٠٢٥-01-01",
        ] {
            expectError(.invalidArgument, "'\(bad)' is not a time") { try TemplateClock(iso8601: bad) }
        }
    }
}
