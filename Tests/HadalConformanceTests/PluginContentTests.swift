import Foundation
import TestSupport
import Testing

/// Plugins carry what runs a model, not what checks and times their kernels.
///
/// Names are looked for in the file's bytes: symbol tables and type metadata hold them in debug and release alike.
@Suite struct PluginContentTests {
    private func plugin(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: "\(Fixtures.products)/libhadal-\(name).so"), options: .alwaysMapped)
    }

    @Test(arguments: ["reference", "cpu", "vulkan", "example"])
    func noConformance(_ name: String) throws {
        let bytes = try plugin(name)
        for part in ["HadalConformance", "ConformanceKit", "ConformanceReport", "KernelBench", "HadalKernelTools"] {
            #expect(bytes.range(of: Data(part.utf8)) == nil, "libhadal-\(name).so holds \(part)")
        }
    }

    @Test("the search finds what is linked into a plugin", arguments: ["reference", "cpu", "vulkan"])
    func findsModules(_ name: String) throws {
        let bytes = try plugin(name)
        #expect(bytes.range(of: Data("HadalBackend".utf8)) != nil && bytes.range(of: Data("HadalPluginKit".utf8)) != nil)
    }
}
