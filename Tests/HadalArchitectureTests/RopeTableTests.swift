import HadalArchitecture
import HadalCore
import HadalGraph
import Testing
import TestSupport

/// Frequencies against numbers that a separate program calculated from the published formulas.
@Suite struct RopeTableTests {
    static func cases() throws -> [JSON] { try JSONDocument(contentsOf: "\(Families.folder)/rope.json").root.array ?? [] }

    func table(_ fields: JSON) throws -> (RopeTable, Graph.Node, [Float]) {
        let folder = try Fixtures.temporaryDirectory()
        defer { Fixtures.remove(folder) }
        try Fixtures.write(
            """
            {"hadal": "architecture/1", "name": "roped", "model": {"layers": 0, "width": 64, "context_length": 9, "vocabulary_size": 64},
             "weights": {"embed": {"safetensors": "e", "shape": [4, 64]}}, "rope": {"t": \(fields.text())},
             "graph": [{"op": "embedding", "in": "tokens", "weight": "embed", "out": "x"},
                       {"op": "rope", "in": ["x", "positions"], "table": "t", "heads": 1, "out": "x"},
                       {"op": "gather_rows", "in": ["x", "rows"], "out": "logits"}]}
            """, to: "\(folder)/roped.json")
        let model = try FakeModel(config: "{}", tensors: [("e", .f32, [4, 64])])
        let match = try ArchitectureLibrary().match(model, file: "\(folder)/roped.json")
        let built = try match.build(model, catalogue: OpCatalogue.load())
        let binding = try #require(built.weights["rope.t"])
        guard case .rope(let table) = binding.content else { throw HadalError(.mismatch, "no table") }
        return (table, try #require(built.main.nodes("rope").first), try binding.materialise(from: model).floats())
    }

    @Test func frequenciesScaleAndSwitch() throws {
        let cases = try Self.cases()
        #expect(cases.count == 9)
        for entry in cases {
            let name = entry["name"]?.string ?? ""
            let (table, node, values) = try table(try #require(entry["fields"]))
            let rows = (entry["rows"]?.array ?? []).map { ($0.array ?? []).compactMap(\.double) }
            #expect(table.dims == [rows.count, rows.first?.count ?? 0], "\(name)")
            #expect(values.count == rows.joined().count)
            for (value, wanted) in zip(values, rows.joined()) { #expect(abs(Double(value) - wanted) <= 2e-7 * wanted, "\(name)") }
            #expect(abs(node.float("scale") - (entry["scale"]?.double ?? 0)) < 1e-12, "\(name)")
            #expect(node.int("switch_length") == entry["switch"]?.int, "\(name)")
            #expect(node.int("rotary") == table.dim)
        }
    }

    @Test(arguments: [
        ("{\"dim\": 7, \"theta\": 1e4}", HadalError.Code.mismatch, "must be even"), ("{\"dim\": 8, \"theta\": 0}", .mismatch, "above 0"),
        ("{\"dim\": 8, \"theta\": 1e4, \"type\": \"'spiral'\"}", .unsupported, "not known"),
        ("{\"dim\": 8, \"theta\": 1e4, \"type\": \"'yarn'\", \"original_length\": 9}", .mismatch, "'factor' is missing"),
        (
            "{\"dim\": 8, \"theta\": 1e4, \"type\": \"'ntk_by_parts'\", \"factor\": 2, \"original_length\": 9, \"low_freq_factor\": 5}",
            .mismatch, "must be above"
        ),
        (
            "{\"dim\": 8, \"theta\": 1e4, \"type\": \"'longrope'\", \"original_length\": 9, \"max_length\": 20, \"short_factors\": [1, 2]}",
            .mismatch, "dim / 2 is 4"
        ),
    ])
    func faults(fields: String, code: HadalError.Code, message: String) throws {
        let json = try JSONDocument(parsing: fields, file: "f").root
        expectError(code, message) { try table(json) }
    }
}
