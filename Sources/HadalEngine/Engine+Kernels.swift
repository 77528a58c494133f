import HadalBackend
import HadalCore
import HadalGraph
import Synchronization

extension Engine {
    /// Ops that the model's graphs have.
    package var usedOps: Set<String> {
        var ops = Set(model.graph.nodes.map(\.op))
        if let predictionHead { ops.formUnion(predictionHead.ops) }
        if let draftEngine { ops.formUnion(draftEngine.usedOps) }
        return ops
    }

    /// Has every compiled part of the model use the kernel in the folder `directory/op` from its next step on. Waits for a step that is under way. The
    /// folder stays as it is as long as the engine lives.
    ///
    /// Nothing is checked here; `KernelWatcher` of HadalKernelTools checks before it calls this. The op must have a kernel of its own: see
    /// `EngineOptions.fusesOps`.
    /// - Parameters:
    ///   - device: as `placement` numbers them; nil: on all.
    ///   - owner: kept as long as the engine lives: it may remove the folder when it is released.
    /// - Throws: what the first part that refuses says: parts before it have the new kernel then. `notFound` when no part has the op.
    public func replaceKernel(op: String, from directory: String, on device: Int? = nil, owner: AnyObject? = nil) throws {
        let taken = try state.withLock { state in
            if let owner, !state.kernelOwners.contains(where: { $0 === owner }) { state.kernelOwners.append(owner) }
            return try program.replaceKernel(op: op, from: directory, onDevice: device)
                + (predictionHead?.replaceKernel(op: op, from: directory, on: device) ?? 0)
        }
        guard let draftEngine, draftEngine.usedOps.contains(op) else {
            guard taken > 0 else { throw HadalError(.notFound, "no part of the model runs op '\(op)' there") }
            return
        }
        try draftEngine.replaceKernel(op: op, from: directory, on: device, owner: owner)
    }
}
