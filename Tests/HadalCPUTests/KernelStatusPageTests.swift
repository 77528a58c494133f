import Foundation
import HadalBackend
import HadalCPU
import HadalConformance
import HadalCore
import HadalGraph
import HadalReference
import TestSupport
import Testing

@Suite("docs/kernel-status.md")
struct KernelStatusPageTests {
    private static let path = "\(Fixtures.repository)/docs/kernel-status.md"

    private func supports(_ backend: any Backend) throws -> [KernelSupport] {
        let catalogue = try OpCatalogue.load()
        let device = try backend.open(device: 0, options: [:], log: .silent)
        defer { device.quiesce() }
        return try catalogue.contracts.values.map {
            try KernelSupport($0, catalogue: catalogue, device: device, capabilities: backend.capabilities)
        }
    }

    /// Backends that this machine has not got keep the sections that they have.
    @Test("Says what the backends say; run with HADAL_WRITE_DOCS=1 to write it anew")
    func upToDate() throws {
        var backends: [any Backend] = [ReferenceBackend(), CPUBackend()]
        let plugin = "\(Fixtures.products)/libhadal-vulkan.so"
        if FileManager.default.fileExists(atPath: plugin), let loaded = try? PluginBackend(PluginLoader.load(path: plugin)),
            (try? loaded.devices().first) != nil
        {
            backends.append(loaded)
        }
        let old = (try? String(contentsOfFile: Self.path, encoding: .utf8)) ?? ""
        var sections = KernelSupport.sections(of: old)
        for backend in backends {
            let text = KernelSupport.section(backend.name, try supports(backend))
            if let index = sections.firstIndex(where: { $0.backend == backend.name }) {
                sections[index].text = text
            } else {
                sections.append((backend.name, text))
            }
        }
        sections.sort { $0.backend < $1.backend }
        let page = KernelSupport.pageHead + "\n" + sections.map(\.text).joined(separator: "\n")
        if ProcessInfo.processInfo.environment["HADAL_WRITE_DOCS"] == "1" {
            try page.write(toFile: Self.path, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOfFile: Self.path, encoding: .utf8) == page, "docs/kernel-status.md is out of date")
    }

    @Test("The reference runs every case, and every backend is asked about every op")
    func complete() throws {
        for row in try supports(ReferenceBackend()) { #expect(row.supported == row.cases && row.cases > 0, "\(row.op): \(row.reasons)") }
        let rows = try supports(CPUBackend())
        #expect(rows.count == (try OpCatalogue.load()).contracts.count)
        let linear = try #require(rows.first { $0.op == "linear" })
        #expect(Set(linear.dtypes.map(\.dtype)).isSuperset(of: [.f32, .q4_K, .f8_e4m3, .mxfp4]))
    }
}
