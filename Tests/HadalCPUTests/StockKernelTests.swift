import CHadalKernels
import Foundation
import HadalCore
import HadalGraph
import TestSupport
import Testing

@testable import HadalCPU

/// The kernels of a build are listed by the linker.
@Suite struct StockKernelTests {
    /// What the sources export is what the backend finds, each with its op.
    @Test func allThatSourcesExport() throws {
        let folder = "\(Fixtures.repository)/kernels/ops"
        var exported: [String: Set<String>] = [:]
        for op in try FileManager.default.contentsOfDirectory(atPath: folder) {
            guard let text = try? String(contentsOfFile: "\(folder)/\(op)/cpu.c", encoding: .utf8) else { continue }
            for part in text.components(separatedBy: "HADAL_EXPORT_KERNEL(").dropFirst() {
                exported[op, default: []].insert(String(part.prefix { $0 != "," }))
            }
        }
        #expect(exported.count >= 20 && exported.values.reduce(0) { $0 + $1.count } >= 34)
        #expect(StockKernels.byOp.mapValues { Set($0.keys) } == exported)
        for (name, kernel) in StockKernels.byOp.values.joined() { #expect(kernel.pointee.name.map { String(cString: $0) } == name) }
    }

    @Test(arguments: [
        ("attention", "attention"), ("attention_append", "attention"), ("latent_attention_append", "latent_attention"),
        ("linear_quantise_norm", "linear"),
        ("rms_norm", "rms_norm"), ("rms", nil), ("attentions", nil), ("attention_sink", "attention_sink"),
    ])
    func opOfAKernel(_ name: String, _ op: String?) {
        #expect(StockKernels.op(of: name, among: ["attention", "attention_sink", "latent_attention", "linear", "rms_norm"]) == op)
    }
}
