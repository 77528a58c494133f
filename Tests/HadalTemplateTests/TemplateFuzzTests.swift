import Foundation
import HadalCore
import HadalTemplate
import Testing
import TestSupport

@Suite struct TemplateFuzzTests {
    /// Fragments that mutations splice in: the ones that open, close and nest things.
    private static let fragments = [
        "{{", "}}", "{%", "%}", "{#", "#}", "-%}", "{%-", "{% if x %}", "{% endif %}", "{% for a in m %}", "{% endfor %}", "{% else %}",
        "{% set x = ", "|",
        "(", ")", "[", "]", "{", "}", "'", "\"", "\\", ".", ",", ":", "~", "**", "//", "%", " is ", " not ", " in ", " if ", " else ",
        "loop.", "loop(",
        "{% macro f(a) %}", "{% endmacro %}", "f(", "*", "**d", "[::-1]", "99999999999", "1e308", "-1", "''", "none", "{% raw %}",
        "{% endraw %}",
        "|map('", "|tojson", "|list", "range(9)", "namespace(", "\u{0}", "é", "\u{2028}", "{% call f() %}", "{% endcall %}", "recursive",
        "{% break %}",
    ]

    private func mutated(_ source: [UInt8], _ others: [[UInt8]], _ random: inout SeededGenerator) -> String {
        var bytes = source
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, at + Int.random(in: 0...12, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes.removeSubrange(at..<end)
            case 1: bytes.insert(contentsOf: (Self.fragments.randomElement(using: &random) ?? "").utf8, at: at)
            case 2: if at < bytes.count { bytes[at] = UInt8.random(in: 0...255, using: &random) }
            case 3: bytes.insert(contentsOf: Array(bytes[at..<end]) + Array(bytes[at..<end]), at: at)
            case 4: bytes.replaceSubrange(at..<end, with: (Self.fragments.randomElement(using: &random) ?? "").utf8)
            default:
                let other = others.randomElement(using: &random) ?? []
                let start = Int.random(in: 0...other.count, using: &random)
                bytes.insert(contentsOf: other[start..<min(other.count, start + 40)], at: at)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(.timeLimit(.minutes(10))) func mutatedTemplatesNeitherCrashNorHang() throws {
        let document = try JSONDocument(contentsOf: Fixtures.path("templates/snippets.json")).root
        let variables = try #require(document.object?["variables"]?.object)
        var seeds = (document.object?["snippets"]?.array ?? []).compactMap { $0.object?["t"]?.string }.map { Array($0.utf8) }
        for name in ["plain.jinja", "tools.jinja"] {
            let text = try String(contentsOfFile: Fixtures.path("templates/\(name)"), encoding: .utf8)
            seeds += Array(repeating: Array(text.utf8), count: 200)
        }
        var options = variables
        options["messages"] = variables["m"]
        let limits = TemplateLimits(steps: 20_000, depth: 50, outputBytes: 1 << 18)
        let clock = TemplateClock(year: 2025, month: 1, day: 1)
        var random = SeededGenerator(seed: 20_250_309)
        var rendered = 0
        var failed = 0
        for _ in 0..<4_000 {
            let source = mutated(seeds.randomElement(using: &random) ?? [], seeds, &random)
            do {
                let text = try ChatTemplate(source: source, name: "fuzz").render(variables: options, now: clock, limits: limits)
                #expect(text.utf8.count <= limits.outputBytes)
                rendered += 1
            } catch is TemplateError {
                failed += 1
            } catch let error as HadalError {
                #expect(error.code == .limitExceeded, "\(source.debugDescription): \(error)")
                failed += 1
            }
        }
        // Both kinds of outcome occur, so the mutations are neither harmless nor hopeless.
        #expect(rendered > 400 && failed > 400, "\(rendered) rendered, \(failed) failed")
    }
}
