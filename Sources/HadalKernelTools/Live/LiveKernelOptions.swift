/// How a `KernelWatcher` looks at files, checks and reports.
public struct LiveKernelOptions: Sendable {
    /// How often files are looked at.
    public var pollSeconds = 0.15
    /// Checks a kernel against the reference before it is used. In this process by default, where a kernel that crashes takes it along and one
    /// that does not end is waited for: a program of its own (`hadal chat` starts one) is spared both.
    public var check: @Sendable (KernelCandidate) throws -> KernelCheck = { try $0.check() }
    /// Told what was taken and what was refused, on the watcher's thread.
    public var notice: @Sendable (KernelNotice) -> Void = { _ in }

    public init() {}
}
