package import HadalBackend
import HadalCore
import HadalGraph

/// One case made concrete: a segment of one node, the bytes of every operand, the caches before the step, and the step.
///
/// The same trial runs on any number of devices; each run gets copies.
package struct ConformanceTrial: Sendable {
    package var point: ConformancePoint
    package var segment: Segment
    /// Bytes of each of `segment.graph.inputs`, at this step's extents.
    package var inputs: [[UInt8]]
    /// Bytes of each state before the step.
    package var states: [[UInt8]]
    package var sequences: [StepSequence]
    /// The page lists of all sequences, one after the other.
    package var pages: [UInt32]
    package var tokens: Int
    package var rows: Int
    /// Keeps weight data alive that `segment` points to.
    private let storage: [HostBuffer]
    /// Those of them that have `GuardedMemory.guardBytes` before and after what they hold.
    var guardedWeights: [HostBuffer] = []

    package struct StepSequence: Sendable {
        package var first: Int
        package var count: Int
        package var past: Int
        package var plannedLength: Int
        package var firstPage: Int
        package var pageCount: Int
        /// Of states of fixed size: where the last step left them, and where this one does.
        package var slotBefore = 0
        package var slotAfter = 1
        package init(first: Int, count: Int, past: Int, plannedLength: Int, firstPage: Int = 0, pageCount: Int = 0) {
            self.first = first
            self.count = count
            self.past = past
            self.plannedLength = plannedLength
            self.firstPage = firstPage
            self.pageCount = pageCount
        }
    }

    package init(
        point: ConformancePoint, segment: Segment, inputs: [[UInt8]], states: [[UInt8]], sequences: [StepSequence], pages: [UInt32],
        tokens: Int, rows: Int, keeping storage: [HostBuffer]
    ) {
        self.point = point
        self.segment = segment
        self.inputs = inputs
        self.states = states
        self.sequences = sequences
        self.pages = pages
        self.tokens = tokens
        self.rows = rows
        self.storage = storage
    }

    /// The extent of a dim in this step.
    func extent(_ dim: Dim) -> Int {
        switch dim {
        case .fixed(let n): n
        case .symbol(.tokens): tokens
        case .symbol(.rows): rows
        case .symbol(.sequences): sequences.count
        }
    }

    /// Pages that the caches have, those of the step's sequences among them.
    var poolPages: Int {
        guard let index = segment.graph.states.firstIndex(where: { !$0.isFixed }), states.indices.contains(index) else { return 0 }
        return states[index].count / max(segment.pageBytes(of: segment.graph.states[index]), 1)
    }

    /// Writes the guard bytes around weights. Whoever runs the trial's executables reads the weights where they lie, or has copied them.
    func fillWeightGuards(_ surroundings: Surroundings) {
        for buffer in guardedWeights {
            let size = GuardedMemory.guardBytes
            for start in [0, buffer.bytes - size] {
                UnsafeMutableRawBufferPointer(start: buffer.pointer + start, count: size).initializeMemory(
                    as: UInt8.self, repeating: surroundings.guardByte)
            }
        }
    }

    /// The trial with other bytes in those parts of the states that hold nothing yet.
    func surrounded(by surroundings: Surroundings) -> ConformanceTrial {
        var copy = self
        for (index, state) in segment.graph.states.enumerated() {
            var bytes = [UInt8](repeating: surroundings.unwrittenByte, count: states[index].count)
            let row = segment.rowBytes(of: state)
            if state.isFixed {
                let size = segment.pageBytes(of: state)
                for sequence in sequences where sequence.past > 0 {
                    let slot = sequence.slotBefore * size..<(sequence.slotBefore + 1) * size
                    bytes.replaceSubrange(slot, with: states[index][slot])
                }
                copy.states[index] = bytes
                continue
            }
            for sequence in sequences {
                for position in 0..<sequence.past {
                    let entry = sequence.firstPage + position / segment.pageTokens
                    guard pages.indices.contains(entry) else { continue }
                    for head in 0..<state.heads {
                        let offset = ((Int(pages[entry]) * state.heads + head) * segment.pageTokens + position % segment.pageTokens) * row
                        guard offset + row <= bytes.count else { continue }
                        bytes.replaceSubrange(offset..<offset + row, with: states[index][offset..<offset + row])
                    }
                }
            }
            copy.states[index] = bytes
        }
        return copy
    }

    /// Bytes of a value in this step.
    func bytes(of value: Graph.Value) -> Int { value.dims.reduce(value.dtype.blockBytes) { $0 * extent($1) } }

    /// The same executable's next step with nothing in it.
    func emptied() -> ConformanceTrial {
        var copy = self
        copy.tokens = 0
        copy.rows = 0
        copy.sequences = []
        copy.pages = []
        copy.inputs = segment.graph.inputs.enumerated().map { index, value in
            Array(inputs[index].prefix(copy.bytes(of: segment.graph.values[value])))
        }
        return copy
    }
}
