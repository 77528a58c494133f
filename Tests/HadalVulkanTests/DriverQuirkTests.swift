import HadalCore
import Testing

@testable import HadalVulkan

@Suite struct DriverQuirkTests {
    private func quirk(device: String? = nil, driver: String? = nil, from: [Int]? = nil, before: [Int]? = nil, vendor: UInt32? = nil)
        -> DriverQuirks.Quirk
    {
        .init(vendor: vendor, device: device, driver: driver, from: from, before: before, disabled: ["fp16"], why: "for this test")
    }
    private let mesa = "Mesa 22.3.6 (LLVM 15.0.6), Vulkan 1.3.230"

    @Test func versionsAreRanges() {
        func holds(_ q: DriverQuirks.Quirk) -> Bool { q.holds(vendor: 0x10005, device: "llvmpipe (LLVM 15.0.6, 256 bits)", driver: mesa) }
        #expect(DriverQuirks.version(in: mesa) == [22, 3, 6])
        #expect(holds(quirk()))
        #expect(holds(quirk(driver: "mesa", before: [22, 3, 7])))
        #expect(!holds(quirk(driver: "mesa", before: [22, 3, 6])))
        #expect(holds(quirk(from: [22, 3])))
        #expect(!holds(quirk(from: [23])))
        #expect(!holds(quirk(vendor: 0x10DE)))
        #expect(!holds(quirk(device: "radeon")))
        #expect(holds(quirk(device: "LLVMPIPE", vendor: 0x10005)))
    }

    @Test func theInstallationsTableIsReadable() throws {
        let path = try #require(KernelFolders.installed) + "/quirks/vulkan.json"
        for quirk in try DriverQuirks(path: path).quirks { #expect(!quirk.disabled.isEmpty && !quirk.why.isEmpty) }
    }
}
