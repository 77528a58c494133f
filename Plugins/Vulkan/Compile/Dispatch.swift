import CVulkan
import HadalGraph

/// One dispatch as the lowering plans it: a pipeline, its arguments, its grid, and what it reads and writes.
struct Dispatch {
    /// A place that operands of several dispatches may share.
    enum Place: Hashable {
        case arena(Range<Int>)
        case input(Int)
        case output(Int)
        case state(Int)
    }

    var pipeline: VkPipeline
    /// One for each field of the argument block.
    var values: [Value]
    var grid: Int
    var reads: [Place]
    var writes: [Place]
    var node: Int

    enum Value {
        case address(UInt64)
        case word(UInt32)
        /// Bytes from the start of what the place names, once it is known where that lies.
        case place(Place)
    }
}
