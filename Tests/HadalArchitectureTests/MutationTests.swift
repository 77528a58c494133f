import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

/// Damaged configurations and descriptions give errors, never a crash, and never take long.
@Suite struct MutationTests {
    /// Bytes that matter in JSON and in expressions, and numbers at the edges of types.
    static let splinters = [
        "{", "}", "[", "]", "\"", ":", ",", "null", "true", "-1", "0", "1e308", "9223372036854775807", "1e-320", "99999999999",
        "2147483648",
        "\"a\"", "[]", "{}", "layer", " / 0", "* n_layers", "% 0", "? 1 : 2", "sum(", "has(", "'", "{layer}", "{x}", "-", "1",
    ]

    static func mutate(_ text: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = text
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            guard !bytes.isEmpty else { break }
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: at)
            case 2: bytes.insert(contentsOf: Array((splinters.randomElement(using: &random) ?? "").utf8), at: at)
            case 3:
                // A number becomes another.
                if let digit = bytes[at...].firstIndex(where: { $0 >= 0x30 && $0 <= 0x39 }) {
                    let end = bytes[digit...].firstIndex { $0 < 0x30 || $0 > 0x39 } ?? bytes.count
                    bytes.replaceSubrange(digit..<end, with: Array((splinters.randomElement(using: &random) ?? "").utf8))
                }
            case 4:
                let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
                bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
            default: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
            }
        }
        return bytes
    }

    @Test func configurations() throws {
        let library = try ArchitectureLibrary()
        let catalogue = try OpCatalogue.load()
        var random = SeededGenerator(seed: 20_26)
        var (built, refused) = (0, 0)
        for round in 0..<800 {
            let name = Families.checkpoints[round % Families.checkpoints.count]
            let text = try Families.config(name + (round % 2 == 0 ? "" : ".v5"))
            let mutated = String(decoding: Self.mutate(Array(text.utf8), &random), as: UTF8.self)
            do {
                let model = try FakeModel(config: mutated, tensors: Families.tensors(name))
                _ = try library.match(model).build(model, catalogue: catalogue)
                built += 1
            } catch let error as HadalError {
                refused += 1
                #expect(!error.message.isEmpty)
            }
        }
        #expect(built > 50 && refused > 50)
    }

    @Test func descriptions() throws {
        let catalogue = try OpCatalogue.load()
        let llama = try JSONDocument(contentsOf: "\(Fixtures.repository)/Sources/HadalArchitecture/Resources/llama.json").root.text()
        let parallel = try Families.text("families/parallel.json")
        let model = try Families.model("llama")
        let neox = try JSONDocument(
            parsing: """
                {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 5,
                 "max_position_embeddings": 64, "rotary_pct": 0.5}
                """, file: "config.json")
        let planned = PlannedModel(configuration: neox)
        var random = SeededGenerator(seed: 77)
        let folder = try Fixtures.temporaryDirectory()
        defer { Fixtures.remove(folder) }
        let library = try ArchitectureLibrary()
        var (built, refused) = (0, 0)
        for round in 0..<800 {
            let text = round % 2 == 0 ? llama : parallel
            let mutated = Self.mutate(Array(text.utf8), &random)
            try Fixtures.write(String(decoding: mutated, as: UTF8.self), to: "\(folder)/mutated.json")
            do {
                _ = try library.check(file: "\(folder)/mutated.json", catalogue: catalogue)
                let source: any ModelSource = round % 2 == 0 ? model : planned
                _ = try library.match(source, file: "\(folder)/mutated.json").build(source, catalogue: catalogue)
                built += 1
            } catch let error as HadalError {
                refused += 1
                #expect(!error.message.isEmpty)
            }
        }
        #expect(built > 20 && refused > 50)
    }
}
