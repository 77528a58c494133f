import Foundation
import HadalBackend
import HadalCore
import HadalReference
import TestSupport
import Testing

@Suite struct WellKnownOptionTests {
    @Test("The table of docs/plugins.md says what the host sets; run with HADAL_WRITE_DOCS=1 to write it anew")
    func page() throws {
        let path = "\(Fixtures.repository)/docs/plugins.md"
        let table = WellKnownOption.table, page = try String(contentsOfFile: path, encoding: .utf8)
        let head = table.prefix { $0 != "\n" }
        let start = try #require(page.range(of: head + "\n")?.lowerBound), end = try #require(page[start...].range(of: "\n\n")?.lowerBound)
        let old = page[start...end]
        if ProcessInfo.processInfo.environment["HADAL_WRITE_DOCS"] == "1" {
            try (page[..<start] + table + page[page.index(after: end)...]).write(toFile: path, atomically: true, encoding: .utf8)
        } else {
            #expect(old == table, "docs/plugins.md is out of date")
        }
    }

    /// An option of the same name and another kind, or without the choice, is one of the backend's own.
    @Test func isPublished() {
        let reference = ReferenceBackend()
        #expect(WellKnownOption.threads.isPublished(by: reference) && WellKnownOption.kernels.isPublished(by: reference))
        #expect(!WellKnownOption.fusion.isPublished(by: reference) && !WellKnownOption.order.isPublished(by: reference, choice: "forward"))
        let other = Publishing(options: [
            OptionSpec(name: "threads", kind: .string, defaultValue: .string(""), help: ""),
            OptionSpec(name: "order", kind: .string, defaultValue: .string(""), choices: ["backward"], help: ""),
        ])
        #expect(!WellKnownOption.threads.isPublished(by: other))
        #expect(
            WellKnownOption.order.isPublished(by: other, choice: "backward")
                && !WellKnownOption.order.isPublished(by: other, choice: "forward"))
    }

    private struct Publishing: Backend {
        let options: [OptionSpec]
        let name = "publishing", version = "1", summary = "has options"
        let capabilities: BackendCapabilities = []
        func devices() throws -> [DeviceInfo] { [] }
        func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
            throw HadalError(.unsupported, "none")
        }
    }
}
