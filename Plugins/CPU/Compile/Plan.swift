import CHadalKernels
import HadalBackend
import HadalGraph

/// Where a tensor of a planned instruction lives.
enum Home: Hashable {
    /// A slot of the arena, shared with others whose lifetimes do not overlap.
    case slot(Int)
    /// A binding of the execution.
    case input(Int)
    case output(Int)
    /// Memory that lives as long as the executable.
    case constant(UnsafeMutableRawPointer)
    /// An optional input that is absent.
    case absent
}

/// A tensor as an instruction sees it. `rows` is fixed, or follows a symbol.
struct PlannedTensor {
    var home: Home
    var rows: Dim
    var columns: Int
    /// Bytes from row to row.
    var stride: Int
    var dtype: UInt32
    var packing: UInt32 = 0

    static var absent: PlannedTensor { PlannedTensor(home: .absent, rows: .fixed(0), columns: 0, stride: 0, dtype: 0) }
}

/// A kernel call before memory is laid out.
struct PlannedInstruction {
    var kernel: UnsafePointer<hadal_kernel>
    var inputs: [PlannedTensor]
    var outputs: [PlannedTensor]
    /// Indices of the graph's states.
    var states: [Int] = []
    var writesStates = false
    /// In the order of the attributes' names.
    var attributes: [hadal_kernel_attribute] = []
    var node: Int
    /// Whether the packed weights that it reads are known before it runs, so that they may be prefetched.
    var prefetchesWeights = false
    /// Runs this instruction together with its neighbours of the same stream.
    var stream: ExpertStream?
}

extension hadal_kernel_attribute {
    init(_ value: Int) {
        self.init()
        i = Int64(value)
    }
    init(_ value: Double) {
        self.init()
        f = value
    }
}
