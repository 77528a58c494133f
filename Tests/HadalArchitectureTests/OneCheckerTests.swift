import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// `arch check` and loading refuse the same descriptions with the same words, but for what a model alone can say.
@Suite struct OneCheckerTests {
    /// A description to change, and a model that it fits.
    struct Subject: Sendable {
        var name: String
        var text: String
        var model: any ModelSource
    }

    static func subjects() throws -> [Subject] {
        let library = try ArchitectureLibrary()
        var subjects: [Subject] = []
        for name in Families.checkpoints {
            let model = try Families.model(name)
            let family = try library.match(model).description.name
            let text = try JSONDocument(contentsOf: "\(Fixtures.repository)/Sources/HadalArchitecture/Resources/\(family).json").root.text()
            subjects.append(Subject(name: family, text: text, model: model))
        }
        let neox = try JSONDocument(
            parsing: """
                {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 5,
                 "max_position_embeddings": 64, "rotary_pct": 0.5}
                """, file: "model/config.json")
        for name in ["parallel", "granite", "smollm3", "olmo2"] {
            let model: any ModelSource = if name == "parallel" { PlannedModel(configuration: neox) } else { try Families.model("llama") }
            subjects.append(Subject(name: name, text: try Families.text("families/\(name).json"), model: model))
        }
        return subjects
    }

    /// Every place of a value: the keys and positions that lead to it.
    enum Step { case key(String), item(Int) }

    static func paths(_ json: JSON, _ path: [Step] = []) -> [[Step]] {
        var all: [[Step]] = path.isEmpty ? [] : [path]
        if let object = json.object { for member in object.members { all += paths(member.value, path + [.key(member.key)]) } }
        if let items = json.array { for (i, item) in items.enumerated() { all += paths(item, path + [.item(i)]) } }
        return all
    }

    static func value(_ json: JSON, _ path: ArraySlice<Step>) -> JSON {
        switch path.first {
        case nil: json
        case .key(let key): json[key].map { value($0, path.dropFirst()) } ?? .null
        case .item(let i): value(json.array?[i] ?? .null, path.dropFirst())
        }
    }

    /// The document with another value at a path; nil: without it.
    static func replacing(_ json: JSON, _ path: ArraySlice<Step>, with new: JSON?) -> JSON? {
        guard let step = path.first else { return new }
        switch step {
        case .key(let key):
            guard var object = json.object, let inner = object[key] else { return json }
            object[key] = replacing(inner, path.dropFirst(), with: new)
            return JSON(.object(object))
        case .item(let i):
            guard var items = json.array, items.indices.contains(i) else { return json }
            if let changed = replacing(items[i], path.dropFirst(), with: new) { items[i] = changed } else { items.remove(at: i) }
            return JSON(.array(items))
        }
    }

    /// What people get wrong: a key left out, a name misspelt or exchanged, a value of another kind, a reference to something else.
    static func mutated(_ root: JSON, _ random: inout SeededGenerator) -> JSON {
        let all = paths(root)
        guard let path = all.randomElement(using: &random) else { return root }
        let old = value(root, path[...])
        let other = value(root, (all.randomElement(using: &random) ?? path)[...])
        let names = all.compactMap { if case .key(let key)? = $0.last { key } else { nil } }
        let new: JSON?
        switch Int.random(in: 0..<9, using: &random) {
        case 0: new = nil
        case 1: new = .null
        case 2: new = other
        case 3: new = JSON(.string(names.randomElement(using: &random) ?? "x"))
        case 4:
            let text = old.string ?? old.text()
            new = JSON(.string(text.isEmpty ? "x" : String(text.dropLast())))
        case 5:
            new = JSON(
                .string((old.string ?? "") + (["s", " == 'x'", "[layer]", " + 1", " == 1", "[0]"].randomElement(using: &random) ?? "")))
        case 6:
            new = [JSON(.int(3)), JSON(.bool(false)), JSON(.double(0.5)), JSON(.string("'text'")), JSON(.int(-1)), JSON(.int(0))]
                .randomElement(using: &random)
        case 7: new = JSON(.array([old]))
        default: new = JSON(.object(JSONObject([("default", old)])))
        }
        return replacing(root, path[...], with: new) ?? root
    }

    /// What a model alone can say, as docs/architectures.md lists it.
    static func dependsOnTheModel(_ error: HadalError) -> Bool {
        // Its own files: missing keys, values that a parameter does not allow, `require`, tensors and their shapes.
        if let file = error.place?.file, file == "model" || file.hasPrefix("model/") { return true }
        let kinds = [
            // Extents and numbers that calculate to something impossible.
            "must lie between", "must be one of", "not an integer", "must be even", "must be above 0", "outside an array",
            "division by zero", "negative number", "at least", "is not known",
            "requires one of", "rope table 'main': '",
            // Shapes of nodes, states and weights.
            "has shape", "comes to shape", "requires ", "numbers a token", "logits must be", "is tied to", "cannot be", "entries;",
            // A condition that is false, an index that is beyond, a source for the other format alone.
            "'when' is false", "layers, no number", "which this model does not have", "has no source for", "is named twice",
        ]
        return kinds.contains { error.message.contains($0) }
    }

    static func first(_ body: () throws -> HadalError?) throws -> HadalError? {
        do { return try body() } catch let error as HadalError { return error }
    }

    @Test func mutatedDescriptionsAreRefusedByBothWithTheSameWords() throws {
        let catalogue = try OpCatalogue.load()
        let library = try ArchitectureLibrary()
        let folder = try Fixtures.temporaryDirectory()
        defer { Fixtures.remove(folder) }
        var random = SeededGenerator(seed: 18)
        var (accepted, refused, models) = (0, 0, 0)
        let subjects = try Self.subjects()
        for round in 0..<1000 {
            let subject = subjects[round % subjects.count]
            let root = try JSONDocument(parsing: subject.text, file: subject.name).root
            let text = Self.mutated(root, &random).text()
            let file = "\(folder)/\(subject.name).json"
            try Fixtures.write(text, to: file)
            // What another extends would else be looked for beside it.
            defer { Fixtures.remove(file) }
            let checked = try Self.first { try library.check(file: file, catalogue: catalogue).problems.first }
            let loaded = try Self.first {
                _ = try library.match(subject.model, file: file).build(subject.model, catalogue: catalogue)
                return nil
            }
            if let checked {
                refused += 1
                #expect(loaded?.description == checked.description, "\(subject.name): \(text)")
            } else if let loaded {
                models += 1
                #expect(Self.dependsOnTheModel(loaded), "\(loaded): \(text)")
            } else {
                accepted += 1
            }
        }
        #expect(accepted > 100 && refused > 300 && models > 20)
    }
}
