import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

extension CPUExecutable {
    func replaceKernel(op: String, from directory: String) throws {
        guard ops.contains(op) else { throw HadalError(.notFound, "nothing that was compiled runs op '\(op)'") }
        let kernels = try device.kernels.kernels(of: op, in: directory, for: try device.kernels.contract(of: op))
        try checkLayouts(kernels, of: op, directory)
        let scratch = program.scratchBytes(with: kernels)
        guard device.pool.reserve(scratch: scratch) else {
            throw HadalError(.outOfMemory, "cannot allocate \(scratch) bytes of scratch for each thread")
        }
        try program.replace(kernels, scratchBytes: scratch)
    }

    /// Weights have been packed, and what one op's kernels write another's may read: a kernel that lays such bytes out in its own way would be
    /// right in a model that is loaded with it, and wrong here.
    private func checkLayouts(_ kernels: [String: UnsafePointer<hadal_kernel>], of op: String, _ directory: String) throws {
        for name in ["linear_pack", "latent_attention_pack", "linear_quantise"] {
            guard let new = kernels[name] else { continue }
            let old = try device.kernels.kernel(name, of: op)
            if new == old || name == "linear_quantise" && !ops.contains(Op.experts) { continue }
            for dtype in name == "linear_quantise" ? [.f32] : weightTypes.filter(\.isQuantised).sorted(by: { $0.rawValue < $1.rawValue }) {
                let packing = hadal_packing_of(dtype.rawValue, device.configuration.isa.rawValue)
                if name == "linear_pack", packing == UInt32(HADAL_PACKED_NONE) { continue }
                guard try PackingProbe(name, dtype, on: device).gives(old, new) else {
                    throw HadalError(
                        .mismatch, "'\(name)' lays \(dtype.name) out otherwise than the weights of the loaded model are",
                        at: SourcePlace("\(directory)/\(op)/\(KernelSource.fileName)"),
                        hint: "reload the model")
                }
            }
        }
    }
}
