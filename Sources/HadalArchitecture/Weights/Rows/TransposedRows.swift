import HadalCore
import Synchronization

/// Axes in another order.
///
/// Where the last axis stays last, rows move whole. Else a block, the part under one index of the leading axes that stay, is
/// read at once; the last few are held, so that threads may be in different ones.
final class TransposedRows: RowNode {
    private struct Block {
        var number: Int
        var values: [Float]
    }

    /// Numbers held in more than two blocks, and blocks held at most.
    private static let heldElements = 1 << 24
    private static let heldBlocks = 32

    let dims: [Int]
    private let inner: any RowNode
    private let axes: [Int]
    /// Leading axes that stay where they are.
    private let fixed: Int
    private let held = Mutex<[Block]>([])

    init(inner: any RowNode, axes: [Int], dims: [Int]) {
        self.inner = inner
        self.axes = axes
        self.dims = dims
        fixed = zip(axes, axes.indices).prefix { $0 == $1 }.count
    }

    private var movesLast: Bool { axes.last != axes.count - 1 }

    /// What each axis of the result steps over, counted in `unit`s of the source's elements, within a block.
    private func steps(unit: Int) -> [Int] {
        var strides = [Int](repeating: 1, count: axes.count)
        for i in stride(from: axes.count - 2, through: 0, by: -1) { strides[i] = strides[i + 1] * inner.dims[i + 1] }
        return axes.map { strides[$0] / unit }
    }

    /// Where a row of the result begins, from the block's start.
    private func start(_ row: Int, _ steps: [Int]) -> Int {
        var (rest, at) = (row, 0)
        for axis in stride(from: dims.count - 2, through: fixed, by: -1) {
            at += rest % dims[axis] * steps[axis]
            rest /= dims[axis]
        }
        return at
    }

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        let perBlock = dims[min(fixed, dims.count - 1)..<(dims.count - 1)].reduce(1, &*)
        guard movesLast else {
            let steps = steps(unit: columns)
            for (i, row) in rows.enumerated() {
                let from = row / perBlock * perBlock + start(row % perBlock, steps)
                try inner.read(from..<from + 1, into: out + i * columns)
            }
            return
        }
        let (steps, step) = (steps(unit: 1), steps(unit: 1)[dims.count - 1])
        try held.withLock { held in
            for (i, row) in rows.enumerated() {
                let number = row / perBlock
                if held.last?.number != number { try Self.bring(number, to: &held, load) }
                let from = start(row % perBlock, steps)
                held[held.count - 1].values.withUnsafeBufferPointer { values in
                    for j in 0..<columns { out[i * columns + j] = values[from + j * step] }
                }
            }
        }
    }

    /// Puts a block last, reading it where it is not held; the one longest unused goes first.
    private static func bring(_ number: Int, to held: inout [Block], _ load: (Int) throws -> Block) throws {
        if let at = held.firstIndex(where: { $0.number == number }) { return held.append(held.remove(at: at)) }
        let block = try load(number)
        while held.count > 1, held.count >= heldBlocks || (held.count + 1) * block.values.count > heldElements { held.removeFirst() }
        held.append(block)
    }

    private func load(_ number: Int) throws -> Block {
        let height = inner.dims[min(fixed, inner.dims.count - 1)..<(inner.dims.count - 1)].reduce(1, &*)
        let values = try [Float](unsafeUninitializedCapacity: height * inner.columns) { buffer, filled in
            if let base = buffer.baseAddress { try inner.read(number * height..<(number + 1) * height, into: base) }
            filled = height * inner.columns
        }
        return Block(number: number, values: values)
    }
}
