import CHadalPlugin
import HadalCore

/// A segment that a plugin has compiled.
///
/// `run` makes the C struct on the stack from pointers that it is given: nothing is allocated per step.
final class PluginExecutable: Executable, @unchecked Sendable {
    let info: ExecutableInfo
    private let device: PluginDevice
    private let handle: OpaquePointer
    private let call: PluginTable.Execute
    private let release: PluginTable.Release
    private let traces: Bool
    private let manySequences: Bool
    /// The plugin checks the step itself.
    let validator: StepValidator

    /// Takes ownership of `handle`, also when it throws.
    init(_ device: PluginDevice, _ handle: OpaquePointer, segment: Segment) throws {
        let table = device.table
        do { validator = try StepValidator(passingOn: segment) } catch {
            table.executableRelease(handle)
            throw error
        }
        var info = ExecutableInfo(keepsWeights: true)
        if let ask = table.raw.executable_info {
            var c = hadal_executable_info()
            c.size = UInt32(MemoryLayout<hadal_executable_info>.size)
            // A plugin that says nothing is taken to keep the weights.
            c.keeps_weights = 1
            if let failure = ask(handle, &c) {
                table.executableRelease(handle)
                throw HadalError(taking: failure, from: device.plugin.name)
            }
            info = ExecutableInfo(
                keepsWeights: c.keeps_weights != 0, weightBytes: Int(clamping: c.weight_bytes),
                scratchBytes: Int(clamping: c.scratch_bytes), barriersPerStep: Int(clamping: c.barriers_per_step))
        }
        self.info = info
        self.device = device
        self.handle = handle
        call = table.execute
        release = table.executableRelease
        traces = table.capabilities.contains(.trace)
        manySequences = table.capabilities.contains(.multiSequence)
    }

    deinit { release(handle) }

    func run(_ step: CheckedStep) throws {
        guard manySequences || step.sequenceCount <= 1 else {
            throw HadalError(.unsupported, "\(device.plugin.name) runs one sequence a step, this step has \(step.sequenceCount)")
        }
        var c = hadal_execution()
        c.size = UInt32(MemoryLayout<hadal_execution>.size)
        c.input_count = UInt32(truncatingIfNeeded: step.inputs.count)
        c.output_count = UInt32(truncatingIfNeeded: step.outputs.count)
        c.state_count = UInt32(truncatingIfNeeded: step.states.count)
        c.inputs = step.inputs.baseAddress
        c.outputs = step.outputs.baseAddress
        c.states = step.states.baseAddress
        c.step = step.raw
        if traces {
            c.trace = step.trace
            c.trace_context = step.traceContext
        }
        c.cancel = step.cancel
        if let failure = call(handle, &c) { throw HadalError(taking: failure, from: device.plugin.name) }
    }

    func replaceKernel(op: String, from directory: String) throws {
        guard device.table.capabilities.contains(.liveKernels), let replace = device.table.raw.executable_replace_kernel else {
            throw HadalError(.unsupported, "\(device.plugin.name) cannot exchange kernels of a compiled model")
        }
        if let failure = replace(handle, op, directory) { throw HadalError(taking: failure, from: device.plugin.name) }
    }

    var expertStatistics: ExpertStatistics? {
        guard let ask = device.table.raw.executable_statistics else { return nil }
        var c = hadal_executable_statistics()
        c.size = UInt32(MemoryLayout<hadal_executable_statistics>.size)
        if let failure = ask(handle, &c) {
            _ = HadalError(taking: failure, from: device.plugin.name)
            return nil
        }
        let result = ExpertStatistics(foreign: c)
        return result.totalBytes > 0 ? result : nil
    }
}
