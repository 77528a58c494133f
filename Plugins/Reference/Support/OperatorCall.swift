import HadalBackend
import HadalCore
import HadalGraph

/// What an op gets for one run: its operands where they lie now, and the step.
///
/// Sendable because ops hand disjoint rows to worker threads and wait for them.
struct OperatorCall: @unchecked Sendable {
    let node: Graph.Node
    let tensors: [Tensor]
    let caches: [PagedCache]
    let step: StepLayout
    let pool: WorkerPool
    let cancel: UnsafePointer<UInt32>?

    /// Whether the step is to end early: what rows not yet begun are left for.
    var isCancelled: Bool { CancelFlag.isSet(cancel) }

    private func tensor(_ index: Int, _ dtype: DType) throws -> (Tensor, UnsafeMutableRawPointer)? {
        let tensor = tensors[index]
        guard tensor.dtype == dtype else { throw HadalError(.mismatch, "an operand is \(tensor.dtype.name), not \(dtype.name)") }
        // A step may have no rows at all; there is then nothing to point at.
        return (tensor, tensor.base ?? Self.nowhere)
    }

    private nonisolated(unsafe) static let nowhere = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)

    func rows(_ input: Int) throws -> Rows {
        guard input < node.inputs.count, case .value(let index) = node.inputs[input], let (tensor, base) = try tensor(index, .f32)
        else { throw HadalError(.mismatch, "input \(input) is missing") }
        return Rows(base: base.assumingMemoryBound(to: Float.self), count: tensor.rows, width: tensor.width)
    }

    func integers(_ input: Int) throws -> IntegerRows {
        guard input < node.inputs.count, case .value(let index) = node.inputs[input], let (tensor, base) = try tensor(index, .i32)
        else { throw HadalError(.mismatch, "input \(input) is missing") }
        return IntegerRows(base: base.assumingMemoryBound(to: Int32.self), count: tensor.rows, width: tensor.width)
    }

    func output(_ output: Int = 0) throws -> Rows {
        guard output < node.outputs.count, let (tensor, base) = try tensor(node.outputs[output], .f32) else {
            throw HadalError(.mismatch, "output \(output) is missing")
        }
        return Rows(base: base.assumingMemoryBound(to: Float.self), count: tensor.rows, width: tensor.width)
    }

    func integerOutput(_ output: Int = 0) throws -> IntegerRows {
        guard output < node.outputs.count, let (tensor, base) = try tensor(node.outputs[output], .i32) else {
            throw HadalError(.mismatch, "output \(output) is missing")
        }
        return IntegerRows(base: base.assumingMemoryBound(to: Int32.self), count: tensor.rows, width: tensor.width)
    }

    /// The node's `index`th state.
    func cache(_ index: Int) -> PagedCache { caches[node.states[index]] }
}

extension OperatorCall {
    /// Ops with state have a row for each token of the step.
    func requireEveryToken(_ rows: Int) throws {
        guard rows == step.tokens else { throw HadalError(.invalidArgument, "\(rows) rows in a step of \(step.tokens) tokens") }
    }
}
