/// The flag by which any thread asks a step to end early.
struct Cancellation: @unchecked Sendable {
    private let flag: UnsafePointer<UInt32>?
    init(_ flag: UnsafePointer<UInt32>?) { self.flag = flag }

    /// Not inlined, so that a loop reads memory anew each time.
    var isRequested: Bool {
        @inline(never) get { flag.map { $0.pointee != 0 } ?? false }
    }
}
