import Foundation
import HadalGraph
import TestSupport
import Testing

@Suite("docs/ops.md")
struct OpPageTests {
    @Test("Says what the contracts say; run with HADAL_WRITE_DOCS=1 to write it anew")
    func upToDate() throws {
        let path = "\(Fixtures.repository)/docs/ops.md"
        let page = try OpCatalogue.load().markdown
        if ProcessInfo.processInfo.environment["HADAL_WRITE_DOCS"] == "1" {
            try page.write(toFile: path, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == page, "docs/ops.md is out of date")
    }

    @Test("The table of docs/architectures.md says what the contracts say; run with HADAL_WRITE_DOCS=1 to write it anew")
    func tableUpToDate() throws {
        let path = "\(Fixtures.repository)/docs/architectures.md"
        let table = try OpCatalogue.load().summaryTable, page = try String(contentsOfFile: path, encoding: .utf8)
        let head = table.prefix { $0 != "\n" }
        let start = try #require(page.range(of: head + "\n")?.lowerBound), end = try #require(page[start...].range(of: "\n\n")?.lowerBound)
        let old = page[start...end]
        if ProcessInfo.processInfo.environment["HADAL_WRITE_DOCS"] == "1" {
            try (page[..<start] + table + page[page.index(after: end)...]).write(toFile: path, atomically: true, encoding: .utf8)
        } else {
            #expect(old == table, "docs/architectures.md is out of date")
        }
    }

    @Test("Every op has a section and a row")
    func complete() throws {
        let catalogue = try OpCatalogue.load()
        for (name, contract) in catalogue.contracts {
            #expect(catalogue.markdown.contains("## \(name)\n"))
            #expect(catalogue.markdown.contains("| [\(name)](#\(name)) |"))
            for attribute in contract.attributes {
                #expect(catalogue.markdown.contains("- `\(attribute.name)` attribute, \(attribute.kind.rawValue)"))
            }
        }
    }
}
