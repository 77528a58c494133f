import HadalArchitecture
import HadalCore
import HadalFormats
import HadalGraph
import Testing
import TestSupport

@Suite struct LlamaTests {
    @Test(.enabled(if: Fixtures.goldens != nil, "needs the goldens beside the checkout"), arguments: ["llama", "llama_untied", "llama_sharded"])
    func golden(name: String) throws {
        let files = try ModelFiles.open(path: "\(Fixtures.goldens ?? "")/models/\(name)")
        let match = try ArchitectureLibrary().match(files)
        let model = try match.build(files, catalogue: OpCatalogue.load())
        print(model.reasons, model.warnings, model.main.nodes.count, model.hidden, model.weightBytes)
        for binding in try model.bindings(of: model.main) {
            let data = try binding.materialise(from: files)
            #expect(data.dims == binding.dims)
        }
    }
    @Test func smol() throws {
        let files = try ModelFiles.open(path: "/tmp/models/smollm2.gguf")
        let match = try ArchitectureLibrary().match(files)
        let model = try match.build(files, catalogue: OpCatalogue.load())
        print(model.reasons, model.warnings, model.main.nodes.count, model.weightBytes)
        for p in model.parameters { print(p.name, p.value, p.origin) }
        for binding in try model.bindings(of: model.main) {
            let data = try binding.materialise(from: files)
            #expect(data.dims == binding.dims)
        }
    }
}
