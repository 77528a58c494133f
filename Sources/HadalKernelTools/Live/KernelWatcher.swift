import Foundation
import HadalBackend
import HadalCore
public import HadalEngine
import HadalGraph
import HadalKernelFiles
import Synchronization

/// Watches the kernel sources of a loaded model, checks those that change, and has the model use those that are right from its next token on.
///
/// What is checked and then used is a copy: an edit in between is the next change. The check runs on the watcher's own thread, generation
/// goes on meanwhile, and the exchange waits for the end of a step. Where a check fails, the kernel in use stays.
///
/// It is attached to an engine that was loaded with `EngineOptions.fusesOps = false`, and goes on until `stop`, or until the
/// engine is gone, which it does not keep alive; nobody has to keep the watcher.
///
/// Thread safety: any thread.
public final class KernelWatcher: @unchecked Sendable {
    private let options: LiveKernelOptions
    private let files: KernelFiles
    private let backends: [OpenedBackend]
    private let environment: SearchPaths
    private weak var engine: Engine?
    private let state = Mutex(State())

    private struct State {
        var stopped = false
        /// Copies of what was checked; the engine keeps the folder, too, once it uses one. nil after the watch.
        var snapshots: SnapshotFolder? = SnapshotFolder()
        var thread: SystemThread?
    }

    /// Begins the watch, on a thread of its own.
    ///
    /// - Throws: `unsupported` when no backend of the engine can exchange kernels; `invalidArgument` when the engine was loaded with
    ///   `fusesOps`: a kernel that computes several ops would hide the change of one.
    @discardableResult
    public init(_ engine: Engine, _ options: LiveKernelOptions = LiveKernelOptions()) throws {
        let (backends, environment) = (engine.openedBackends, engine.options.environment)
        let able = backends.filter { $0.backend.capabilities.contains(.liveKernels) }
        guard !able.isEmpty else {
            throw HadalError(
                .unsupported, "backend \(backends.map(\.backend.name).joined(separator: ", ")) cannot exchange kernels of a loaded model",
                hint: [.remove(.liveKernels)])
        }
        guard !engine.options.fusesOps else {
            throw HadalError(
                .invalidArgument, "the model was loaded with kernels that compute several ops, which would hide the change of one",
                hint: "load it with EngineOptions.fusesOps = false")
        }
        self.engine = engine
        self.options = options
        self.backends = able
        self.environment = environment
        let own = KernelFolder.candidates.first { FileManager.default.fileExists(atPath: $0) }
        files = KernelFiles(
            directories: environment.kernelDirectories + (own.map { [$0] } ?? []), ops: engine.usedOps, backends: able.map(\.backend.name))
        var known: [KernelFiles.Source: [String: KernelFiles.Stamp]] = [:]
        for source in files.sources() { known[source] = files.stamps(of: source) }
        let first = known
        guard let thread = SystemThread(name: "hadal-kernels", { [self] in watch(first) }) else {
            throw HadalError(.outOfMemory, "the system has no thread to watch kernels with")
        }
        state.withLock { $0.thread = thread }
    }

    /// Ends the watch; a check that is under way is waited for, unless this is called on the watcher's own thread, by `check` or `notice`. May be
    /// called again.
    public func stop() {
        let thread = state.withLock { state in
            state.stopped = true
            return state.thread
        }
        thread?.join()
    }

    private var isOver: Bool { engine == nil || state.withLock { $0.stopped } }

    private func watch(_ first: [KernelFiles.Source: [String: KernelFiles.Stamp]]) {
        guard let snapshots = (state.withLock { $0.snapshots?.path }) else { return }
        var known = first
        var number = 0
        while !isOver {
            Thread.sleep(forTimeInterval: options.pollSeconds)
            for source in files.sources() where !isOver {
                let before = files.stamps(of: source)
                guard known[source] != before, !before.isEmpty else { continue }
                number += 1
                let snapshot = "\(snapshots)/\(number)"
                do {
                    try files.copy(source, to: snapshot)
                    // Written to while it was copied: the next round finds it changed still.
                    guard files.stamps(of: source) == before else { continue }
                    known[source] = before
                    let outcome = try take(source, from: snapshot)
                    report(source, outcome)
                } catch {
                    known[source] = before
                    report(source, .refused(reason: source.named("\(error)", copy: snapshot)))
                }
            }
        }
        state.withLock { $0.snapshots = nil }
    }

    private func report(_ source: KernelFiles.Source, _ outcome: KernelNotice.Outcome) {
        options.notice(
            KernelNotice(op: source.op, backend: source.backend, folder: "\(source.directory)/\(source.folder)", outcome: outcome))
    }

    private func take(_ source: KernelFiles.Source, from snapshot: String) throws -> KernelNotice.Outcome {
        let start = ContinuousClock.now
        var cases = 0
        for backend in backends where backend.backend.name == source.backend {
            let candidate = KernelCandidate(
                op: source.op, directory: snapshot, backend: source.backend, device: backend.device, options: backend.options,
                environment: environment)
            let verdict = try options.check(candidate)
            if let fault = verdict.fault { return .refused(reason: source.named(fault, copy: snapshot)) }
            cases += verdict.cases
            guard let engine else { return .refused(reason: "the model is gone") }
            try engine.replaceKernel(op: source.op, from: snapshot, on: backend.number, owner: state.withLock { $0.snapshots })
        }
        return .taken(cases: cases, seconds: (ContinuousClock.now - start).seconds)
    }
}

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
