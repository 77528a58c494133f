import ConstraintTestSupport
import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

@Suite("Random schemas")
struct RandomSchemaTests {
    @Test func areReadOrRefused() throws {
        var read = 0
        for seed in 0..<4000 {
            var maker = RandomSchema(seed: UInt64(seed))
            let schema = maker.schema(4)
            guard schema.object != nil else { continue }
            let grammar: Grammar
            do {
                grammar = try JSONSchemaReader.grammar(schema)
                #expect(grammar.rules.count <= JSONSchemaReader.Options().maximumRules)
                read += 1
            } catch let error as HadalError {
                #expect([.unsupported, .malformed, .limitExceeded].contains(error.code), "seed \(seed): \(error)")
                #expect(error.place != nil, "seed \(seed): \(error)")
                continue
            }
            do {
                if seed % 4 == 0 { try check(grammar, seed) }
            } catch let error as HadalError {
                #expect(error.code == .limitExceeded, "seed \(seed): \(error)")
            }
        }
        #expect(read > 1000)
    }

    /// A text that the masks allow byte by byte never gets stuck.
    private func check(_ grammar: Grammar, _ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var matcher = try SchemaTests.matcher(grammar)
        for _ in 0..<40 {
            var mask = TokenMask(tokenCount: SchemaTests.vocabulary.count)
            try matcher.mask(into: &mask)
            let allowed = (0..<SchemaTests.vocabulary.count).filter { mask.contains($0) }
            guard let token = allowed.randomElement(using: &random) else {
                Issue.record("seed \(seed): nothing may follow \(String(decoding: matcher.bytes, as: UTF8.self))")
                return
            }
            #expect(try matcher.accept(token: token))
            if matcher.isEnded { return }
        }
    }
}
