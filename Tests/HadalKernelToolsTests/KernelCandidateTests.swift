import EngineTestSupport
import HadalCore
import HadalEngine
import HadalKernelTools
import TestSupport
import Testing

@Suite("Kernel candidates", .enabled(if: KernelDirectory.compiler != nil, "needs a C compiler"))
struct KernelCandidateTests {
    @Test("an op that its kernel defines is refused by the reference, and checked against itself")
    func definedByItsKernel() throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        try directory.edit("relu2_gate/op.json", "{\"expression\": {\"y\": \"max(gate, 0) * max(gate, 0) * up\"}}", "\"cpu\"")
        expectError(.unsupported, "the kernel of backend 'cpu'") {
            try Engine(path: Fixtures.path("models/llama"), options: EngineOptions.relu2("reference", directory, cache: cache))
        }
        let candidate = KernelCandidate(
            op: "relu2_gate", directory: directory.path, backend: "cpu", device: 0, options: ["kernel-cache": .string(cache.path)],
            environment: SearchPaths(pluginPaths: [Fixtures.products]))
        let verdict = try candidate.check()
        #expect(verdict.fault == nil && verdict.cases >= 36)
        try directory.edit("relu2_gate/cpu.c", "&i, &end);", "&i, &end);\n    if (thread->count == 3) y[0] = thread->index;")
        #expect(try candidate.check().fault != nil)
    }
}
