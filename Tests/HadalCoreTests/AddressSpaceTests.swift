import Foundation
import HadalCore
import Testing

@Suite("The address space") struct AddressSpaceTests {
    /// A shell asks with the same call, and has inherited the limit.
    @Test("the limit is the one that the process was started with, or has set itself")
    func limit() throws {
        let told = try ChildProcess.run("/bin/sh", ["-c", "ulimit -v"]).text.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(AddressSpace.limit == Int(told).map { $0 * 1024 })
        guard AddressSpace.limit == nil else { return }
        var before = rlimit()
        try #require(getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &before) == 0)
        // Far above what any test maps.
        var lower = rlimit(rlim_cur: 1 << 49, rlim_max: before.rlim_max)
        try #require(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &lower) == 0)
        #expect(AddressSpace.limit == 1 << 49)
        #expect(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &before) == 0)
    }
}
