import CHadalSystem
import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalSandbox

@Suite("Write restriction")
struct WriteRestrictionTests {
    private static let hasLandlock = hadal_sandbox_landlock_version() > 0

    private func run() throws -> JSON {
        let (inside, outside) = (try Fixtures.temporaryDirectory(), try Fixtures.temporaryDirectory())
        defer { for folder in [inside, outside] { try? FileManager.default.removeItem(atPath: folder) } }
        return try SealCheckRun("writes", inside, outside).json()
    }

    @Test("what lies outside can be read and not changed", .enabled(if: hasLandlock, "needs a kernel with Landlock"))
    func restricted() throws {
        let result = try run()
        #expect(result["outcome"]?["enforced"]?.bool == true && result["outcome"]?["unbound_threads"]?.int == 0, "\(result.text())")
        for name in ["inside", "rename_inside", "read", "null"] { #expect(result[name]?.int == 0, "\(name): \(result.text())") }
        for name in ["outside", "unlink"] { #expect(result[name]?.int == Int(EACCES), "\(name): \(result.text())") }
        if hadal_sandbox_landlock_version() >= 3 { #expect(result["truncate"]?.int == Int(EACCES)) }
        #expect(result["child"]?.bool == false)
    }

    @Test("a kernel that cannot do it is reported", .enabled(if: !hasLandlock, "needs a kernel without Landlock"))
    func unavailable() throws {
        let result = try run()
        #expect(result["outcome"]?["enforced"]?.bool == false && result["outside"]?.int == 0)
        #expect(result["line"]?.string?.hasPrefix("writing is not limited") == true)
    }

    @Test(
        "a directory that is not there is an error, before anything is enforced", .enabled(if: hasLandlock, "needs a kernel with Landlock"))
    func missing() throws {
        expectError(.notFound, "/nonexistent") { try WriteRestriction(directories: ["/nonexistent"]).enforce() }
    }
}
