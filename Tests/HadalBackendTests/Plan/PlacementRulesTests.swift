@testable import HadalBackend
import HadalCore
import HadalGraph
import TestSupport
import Testing

@Suite("Placement rules")
struct PlacementRulesTests {
    private func node(_ label: String, _ op: String, states: [Int] = []) -> Graph.Node {
        Graph.Node(label: label, op: op, inputs: [], outputs: [], states: states)
    }

    @Test(
        "what a pattern matches",
        arguments: [
            ("experts", "layers.3.moe.y", "experts", true), ("experts", "layers.3.moe.y", "router", false), ("x", "x", "add", true),
            ("rest", "a", "add", true), ("layers 3", "layers.3.moe.y", "experts", true), ("layers 0-2", "layers.3.moe.y", "experts", false),
            ("layers 0-12", "layers.12.a", "add", true), ("layers 2-", "layers.1000.a", "add", true),
            ("layers 2-", "layers.1.a", "add", false),
            ("layers 1", "layers.10.a", "add", false), ("layers 0-9", "head.x", "linear", false),
            ("experts layers 0-4", "layers.4.moe.y", "experts", true),
            ("experts layers 0-4", "layers.5.moe.y", "experts", false),
            ("layers.*.attention.*", "layers.3.attention.query.q", "linear", true),
            ("layers.*.attention.*", "layers.3.mlp.gate", "linear", false), ("layers.?.a", "layers.11.a", "add", false),
            ("*", "anything", "add", true),
            ("*.y", "layers.1.moe.y", "experts", true), ("*.y", "layers.1.moe.yy", "experts", false),
            ("layers.1.*", "layers.10.a", "add", false),
            ("layers.3.moe.y linear", "layers.3.moe.y", "experts", false), ("blocks 1-2", "blocks.2.a", "add", true),
            ("blocks 1-2", "layers.2.a", "add", false),
        ])
    func matches(_ pattern: String, _ label: String, _ op: String, _ expected: Bool) throws {
        #expect(try PlacementPattern(pattern).matches(node(label, op)) == expected)
    }

    @Test("a star costs no more than it must")
    func stars() throws {
        let pattern = try PlacementPattern(String(repeating: "*a", count: 200) + "b")
        #expect(!pattern.matches(node(String(repeating: "a", count: 5000), "add")))
    }

    @Test(
        "patterns that are none",
        arguments: [
            "", "  ", "rest layers 1", "layers", "layers 3-1", "3-4", "layers 1-2-3", "layers 99999999999999999999",
            String(repeating: "x", count: 2000),
        ])
    func malformed(_ pattern: String) {
        expectError(.invalidArgument) { try PlacementPattern(pattern) }
    }

    @Test(
        "rules that are none",
        arguments: [
            "", "experts", "experts=", "=cpu", "rest=:0", "rest=cpu:", "rest=cpu,", "rest=a,experts=b", "experts=a,experts=b",
            "experts=a,,rest=b",
        ])
    func malformedRules(_ rules: String) {
        expectError(.invalidArgument) { try PlacementRules(parsing: rules) }
    }

    @Test("the first rule that matches decides, and others take the rest")
    func order() throws {
        let rules = try PlacementRules(parsing: "experts layers 0-1 = cpu , layers 1-2=gpu:1,head.*=cpu")
        var graph = Graph(name: "main")
        graph.nodes = [
            node("layers.1.e", "experts"), node("layers.1.a", "add"), node("layers.2.e", "experts"), node("head.x", "linear"),
            node("embed", "embedding"),
        ]
        #expect(rules.assign(graph) == [0, 1, 1, 2, nil])
        #expect(rules.rules.map(\.backend) == ["cpu", "gpu:1", "cpu"])
        #expect(try PlacementRules(parsing: rules.text) == rules)
        #expect(try rules.check([graph], ops: []).isEmpty)
    }

    @Test("rules without effect on a model")
    func check() throws {
        var graph = Graph(name: "main")
        graph.nodes = [node("layers.0.a", "add"), node("layers.1.a", "add")]
        func check(_ text: String) throws -> [String] { try PlacementRules(parsing: text).check([graph], ops: ["add", "experts"]) }
        #expect(try check("experts=cpu,rest=gpu").count == 1)
        #expect(try check("layers 1-99=gpu,rest=cpu").isEmpty)
        #expect(try check("add=gpu,rest=cpu").isEmpty, "nothing may be left for the rest")
        for bad in ["nosuch=gpu", "layers 2-=gpu", "blocks 0-1=gpu", "layers.7.*=gpu", "add=cpu,layers 0=gpu", "experts nosuch=gpu"] {
            expectError(.invalidArgument, "placement") { try check(bad) }
        }
    }

    @Test("the file says what the rules say")
    func file() throws {
        var rules = try PlacementRules(parsing: "experts=cpu,rest=gpu:1")
        rules.architecture = "deepseek_v2"
        let text = rules.json.text(indent: 2)
        let read = try PlacementRules(try JSONDocument(parsing: text, file: "plan.json", rejectDuplicateKeys: true))
        #expect(read == rules)
        // A device's name may have a comma in a file.
        let named = #"{"hadal": "plan/1", "place": [{"pattern": "rest", "backend": "gpu:A, B", "note": "mine"}]}"#
        #expect(try PlacementRules(try JSONDocument(parsing: named, file: "plan.json")).rules.first?.backend == "gpu:A, B")
        for bad in [
            "[]", "{}", #"{"hadal": "plan/2", "place": []}"#, #"{"hadal": "plan/1"}"#, #"{"hadal": "plan/1", "place": {}}"#,
            #"{"hadal": "plan/1", "place": [1]}"#, #"{"hadal": "plan/1", "place": [], "plase": 1}"#,
            #"{"hadal": "plan/1", "place": [{"pattern": "rest", "backend": "cpu"}, {"pattern": "experts", "backend": "cpu"}]}"#,
        ] {
            let code: HadalError.Code = bad.contains("plan/2") ? .unsupported : bad.contains("experts") ? .invalidArgument : .malformed
            let error = expectError(code) { try PlacementRules(try JSONDocument(parsing: bad, file: "plan.json")) }
            #expect(error?.place?.file == "plan.json")
        }
    }
}
