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

    private func lines() throws -> [Substring] {
        let unpack = Process()
        unpack.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        unpack.arguments = ["xz", "-dc", try #require(Self.file)]
        let pipe = Pipe()
        unpack.standardOutput = pipe
        try unpack.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        unpack.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\n")
    }

    @Test(.enabled(if: file != nil, "needs shared/schemas beside the checkout"))
    func areReadAndEnforced() throws {
        var right = 0
        var allowedInvalid: [String] = []
        let lines = try lines()
        for line in lines {
            let row = try JSONDocument(parsing: String(line), file: "maskbench").root
            let schema = try #require(row["schema"])
            let name = row["name"]?.string ?? ""
            do {
                let wrong = try mistakes(schema, row["tests"]?.array ?? [])
                allowedInvalid += wrong.allowed.map { "\(name) \($0)" }
                if wrong.allowed.isEmpty && wrong.refused.isEmpty { right += 1 }
            } catch is HadalError {
                continue
            }
        }
        #expect(allowedInvalid.isEmpty)
        // Of 2,205; refused are most of all arrays of different items, and formats that no specification knows.
        #expect(right >= 2110, "\(right) of \(lines.count)")
    }

    /// The tests of which a schema allows an invalid instance, or refuses a valid one.
    private func mistakes(_ schema: JSON, _ tests: [JSON]) throws -> (allowed: [Int], refused: [Int]) {
        let matcher = try SchemaTests.matcher(JSONSchemaReader.grammar(schema))
        let order = SchemaOrder(root: schema)
        var allowed: [Int] = []
        var refused: [Int] = []
        for (index, test) in tests.enumerated() {
            let isValid = test["valid"]?.bool == true
            let value = order.ordered(test["data"] ?? .null)
            let dumps = isValid ? [JSONDump.compact, JSONDump.all[3]] : [JSONDump.compact]
            for dump in dumps where try SchemaTests.allows(matcher, dump.text(value)) != isValid {
                if isValid { refused.append(index) } else { allowed.append(index) }
            }
        }
        return (allowed, refused)
    }
}
