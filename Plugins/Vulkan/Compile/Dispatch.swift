import CVulkan
import HadalGraph

/// One dispatch as the lowering plans it: a pipeline, its operands, its grid, and what it reads and writes.
struct Dispatch {
    /// A place that operands of several dispatches may share.
    enum Place: Hashable {
        case arena(Range<Int>)
        case input(Int)
        case output(Int)
        case state(Int)
    }

    enum Address {
        case fixed(UInt64)
        /// The start of what the place names, once it is known where that lies.
        case place(Place)
    }

    var pipeline: VkPipeline
    /// In the order of the push constants.
    var addresses: [Address]
    var grid: Grid
    var reads: [Place]
    var writes: [Place]
    var node: Int
}
