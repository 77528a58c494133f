import CHadalPlugin
import HadalCore

/// A segment with symbols on a plugin that takes none: an executable for each (T, S, R) met, the latest few kept.
///
/// A step of extents met before allocates nothing; a new one compiles.
final class PerExtentExecutable: Executable, @unchecked Sendable {
    /// Decode has one set of extents, prefill as many as there are chunk lengths.
    static let capacity = 8

    private struct Entry {
        var bounds: Segment.Bounds
        var used: UInt64
        var executable: PluginExecutable
    }

    let validator: StepValidator
    private let device: PluginDevice
    private let segment: Segment
    private var entries: [Entry] = []
    private var clock: UInt64 = 0
    /// Where each exchanged op's kernel comes from: executables that are compiled later need it too.
    private var replaced: [(op: String, directory: String)] = []
    /// Weights stay mapped: a new set of extents reads them again.
    let info: ExecutableInfo

    /// Compiles for the upper bounds at once, so that what cannot be compiled is known when a model loads.
    init(_ device: PluginDevice, _ segment: Segment) throws {
        self.device = device
        self.segment = segment
        validator = try StepValidator(segment, memory: .host, scope: .extents)
        let first = try device.compileOnce(segment, extents: segment.bounds)
        var info = first.info
        info.keepsWeights = true
        self.info = info
        entries.reserveCapacity(PerExtentExecutable.capacity)
        entries.append(Entry(bounds: segment.bounds, used: 0, executable: first))
    }

    func run(_ step: CheckedStep) throws {
        let wanted = Segment.Bounds(tokens: step.tokens, sequences: step.sequenceCount, rows: step.rows)
        clock &+= 1
        if let i = entries.firstIndex(where: { $0.bounds == wanted }) {
            entries[i].used = clock
            return try entries[i].executable.run(step)
        }
        if entries.count >= PerExtentExecutable.capacity, let oldest = entries.indices.min(by: { entries[$0].used < entries[$1].used }) {
            entries.remove(at: oldest)
        }
        let executable = try device.compileOnce(segment, extents: wanted)
        for kernel in replaced { try executable.replaceKernel(op: kernel.op, from: kernel.directory) }
        entries.append(Entry(bounds: wanted, used: clock, executable: executable))
        try executable.run(step)
    }

    func replaceKernel(op: String, from directory: String) throws {
        for entry in entries { try entry.executable.replaceKernel(op: op, from: directory) }
        replaced.removeAll { $0.op == op }
        replaced.append((op, directory))
    }

    /// Of those that are still there.
    var expertStatistics: ExpertStatistics? {
        let all = entries.compactMap(\.executable.expertStatistics)
        guard var sum = all.first else { return nil }
        for other in all.dropFirst() { sum += other }
        return sum
    }
}
