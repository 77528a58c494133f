import CHadalKernels
import Foundation
import HadalCore
import HadalKernelFiles

/// The kernels that are built into this backend, and the sources that they were built from.
enum StockKernels {
    typealias Kernel = UnsafePointer<hadal_kernel>

    /// Each op's kernels by name: what `hadal_kernel_<name>` gives.
    nonisolated(unsafe) static let byOp: [String: [String: Kernel]] = [
        "activation": ["activation": hadal_kernel_activation()],
        "add": ["add": hadal_kernel_add()],
        "attention": ["attention": hadal_kernel_attention(), "attention_append": hadal_kernel_attention_append()],
        "clamp": ["clamp": hadal_kernel_clamp()],
        "concat": ["concat": hadal_kernel_concat()],
        "embedding": ["embedding": hadal_kernel_embedding()],
        "experts": [
            "experts_down": hadal_kernel_experts_down(), "experts_gate": hadal_kernel_experts_gate(),
            "experts_gather": hadal_kernel_experts_gather(), "experts_quantise": hadal_kernel_experts_quantise(),
        ],
        "gather_rows": ["gather_rows": hadal_kernel_gather_rows()],
        "glu": ["glu": hadal_kernel_glu()],
        "indexer": [
            "indexer": hadal_kernel_indexer(), "indexer_append": hadal_kernel_indexer_append(), "indexer_score": hadal_kernel_indexer_score(),
        ],
        "latent_attention": [
            "latent_attention": hadal_kernel_latent_attention(), "latent_attention_append": hadal_kernel_latent_attention_append(),
            "latent_attention_pack": hadal_kernel_latent_attention_pack(),
        ],
        "layer_norm": ["layer_norm": hadal_kernel_layer_norm()],
        "linear": [
            "linear": hadal_kernel_linear(), "linear_gate": hadal_kernel_linear_gate(), "linear_pack": hadal_kernel_linear_pack(),
            "linear_quantise": hadal_kernel_linear_quantise(), "linear_quantise_norm": hadal_kernel_linear_quantise_norm(),
        ],
        "mul": ["mul": hadal_kernel_mul()],
        "rms_norm": ["rms_norm": hadal_kernel_rms_norm()],
        "rope": ["rope": hadal_kernel_rope(), "rope_table": hadal_kernel_rope_table()],
        "router": ["router": hadal_kernel_router(), "router_logits": hadal_kernel_router_logits()],
        "scale": ["scale": hadal_kernel_scale()],
        "softcap": ["softcap": hadal_kernel_softcap()],
        "split": ["split": hadal_kernel_split()],
    ].mapValues { kernels in kernels.compactMapValues { $0 } }

    /// The installation's kernel folder; nil when it is missing.
    static let folder = KernelFolder.candidates.first { FileManager.default.fileExists(atPath: $0) }

    /// The installation's sources as they were when this process first looked, by op: later changes are seen as such.
    static let sources: [String: KernelSource] = {
        guard let folder else { return [:] }
        var sources: [String: KernelSource] = [:]
        for op in byOp.keys { sources[op] = try? KernelSource(op: op, in: folder) }
        return sources
    }()
}
