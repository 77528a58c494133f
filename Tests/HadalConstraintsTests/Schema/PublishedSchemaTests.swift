import ConstraintTestSupport
import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalConstraints

/// MaskBench: published schemas with instances that are valid or not.
@Suite("Published schemas")
struct PublishedSchemaTests {
    private static let file: String? = {
        let path = (Fixtures.goldens ?? "\(Fixtures.repository)/../shared/goldens") + "/../schemas/maskbench.jsonl.xz"
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    @Test(.enabled(if: file != nil, "needs shared/schemas beside the checkout"))
    func areReadAndEnforced() throws {
        var right = 0
        var allowedInvalid: [String] = []
        let all = try PublishedSchemas.all(try #require(Self.file))
        for published in all {
            guard let grammar = try? JSONSchemaReader.grammar(published.schema), let matcher = try? SchemaTests.matcher(grammar) else {
                continue
            }
            let mistakes = try published.mistakes(matcher)
            allowedInvalid += mistakes.allowed.map { "\(published.name) \($0)" }
            if mistakes.allowed.isEmpty && mistakes.refused.isEmpty { right += 1 }
        }
        #expect(allowedInvalid.isEmpty)
        // Refused are most of all arrays of different items, and formats that no specification knows or that say nothing to enforce.
        #expect(right >= 1853, "\(right) of \(all.count)")
    }
}
