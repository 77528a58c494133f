import CHadalPlugin
import HadalBackend
import HadalCore
import HadalGraph

/// What a device handle of an exported backend points to.
final class ExportedDevice {
    let device: any Device
    init(_ device: any Device) { self.device = device }
}

/// What an executable handle of an exported backend points to.
final class ExportedExecutable {
    let executable: any Executable
    init(_ executable: any Executable) { self.executable = executable }
}

extension PluginExport {
    static func of(_ context: UnsafeMutableRawPointer?) throws -> PluginExport {
        guard let context else { throw ForeignError.missing("context") }
        return Unmanaged<PluginExport>.fromOpaque(context).takeUnretainedValue()
    }

    static func object<T: AnyObject>(_ handle: OpaquePointer?, as type: T.Type, _ what: String) throws -> T {
        guard let handle else { throw ForeignError.missing(what) }
        return Unmanaged<T>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
    }

    static func retained(_ object: AnyObject) -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(object).toOpaque()) }

    static func release(_ handle: OpaquePointer?) {
        if let handle { Unmanaged<AnyObject>.fromOpaque(UnsafeRawPointer(handle)).release() }
    }

    /// Sets every function of the table. Those of buffers stay NULL for a backend that computes on host memory.
    static func fill(_ table: inout hadal_plugin, buffers: Bool) {
        table.list_devices = { context, devices, stride, capacity, count in
            ForeignError.catching {
                guard let count else { throw ForeignError.missing("count") }
                let export = try PluginExport.of(context)
                let infos = try export.backend.devices()
                count.pointee = UInt32(infos.count)
                guard let devices else { return }
                for (i, info) in infos.prefix(Int(capacity)).enumerated() {
                    let slot = UnsafeMutableRawPointer(devices).advanced(by: i * Int(stride))
                    export.write(info, to: slot)
                }
            }
        }
        table.open_device = { context, index, host, options, stride, count, device in
            ForeignError.catching {
                guard let device else { throw ForeignError.missing("place for the device") }
                let export = try PluginExport.of(context)
                let values = try PluginExport.options(options, stride: Int(stride), count: Int(count))
                try export.backend.check(options: values)
                let opened = try export.backend.open(device: Int(index), options: values, log: PluginExport.log(host))
                device.pointee = PluginExport.retained(ExportedDevice(opened))
            }
        }
        table.close_device = { PluginExport.release($0) }
        table.quiesce = { handle in
            if let device = try? PluginExport.object(handle, as: ExportedDevice.self, "device") { device.device.quiesce() }
        }
        table.supports = { handle, segment, node, reason, capacity in
            PluginExport.supports(handle, segment, node, reason, capacity)
        }
        table.compile = { handle, segment, executable in
            ForeignError.catching {
                guard let segment, let executable else { throw ForeignError.missing("segment") }
                let device = try PluginExport.object(handle, as: ExportedDevice.self, "device").device
                let compiled = try device.compile(try Segment(foreign: segment))
                executable.pointee = PluginExport.retained(ExportedExecutable(compiled))
            }
        }
        table.executable_release = { PluginExport.release($0) }
        table.executable_info = { handle, info in
            ForeignError.catching {
                guard let info else { throw ForeignError.missing("place for the information") }
                let own = try PluginExport.object(handle, as: ExportedExecutable.self, "executable").executable.info
                var c = hadal_executable_info()
                c.size = info.pointee.size
                c.keeps_weights = own.keepsWeights ? 1 : 0
                c.weight_bytes = UInt64(clamping: own.weightBytes)
                c.scratch_bytes = UInt64(clamping: own.scratchBytes)
                c.barriers_per_step = UInt64(clamping: own.barriersPerStep)
                PluginExport.writePrefix(c, to: UnsafeMutableRawPointer(info), size: c.size)
            }
        }
        table.weight_bytes = { handle, weight in
            guard let weight, let device = try? PluginExport.object(handle, as: ExportedDevice.self, "device").device,
                let declared = try? Segment.weight(foreign: weight), let bytes = device.heldBytes(of: declared)
            else { return 0 }
            return UInt64(clamping: bytes)
        }
        table.executable_statistics = { handle, statistics in
            ForeignError.catching {
                guard let statistics else { throw ForeignError.missing("place for the statistics") }
                let own = try PluginExport.object(handle, as: ExportedExecutable.self, "executable").executable.expertStatistics
                var c = own?.foreign ?? hadal_executable_statistics()
                c.size = statistics.pointee.size
                PluginExport.writePrefix(c, to: UnsafeMutableRawPointer(statistics), size: c.size)
            }
        }
        table.executable_replace_kernel = { handle, op, directory in
            ForeignError.catching {
                guard let op = foreignString(op), let directory = foreignString(directory) else {
                    throw ForeignError.missing("op or directory")
                }
                let executable = try PluginExport.object(handle, as: ExportedExecutable.self, "executable").executable
                try executable.replaceKernel(op: op, from: directory)
            }
        }
        table.measure_rates = { handle, seconds, rates in
            ForeignError.catching {
                guard let rates else { throw ForeignError.missing("place for the rates") }
                let own = try PluginExport.object(handle, as: ExportedDevice.self, "device").device.measureRates(seconds: seconds)
                var c = hadal_device_rates()
                c.size = rates.pointee.size
                c.float32 = own?.float32 ?? 0
                c.float16_matrix = own?.float16Matrix ?? 0
                PluginExport.writePrefix(c, to: UnsafeMutableRawPointer(rates), size: c.size)
            }
        }
        table.execute = { handle, execution in
            guard let execution else { return ForeignError.make(ForeignError.missing("execution")) }
            do {
                try PluginExport.execute(handle, execution)
                return nil
            } catch {
                return ForeignError.make(error)
            }
        }
        if buffers { fillBuffers(&table) }
    }

    private static func supports(
        _ handle: OpaquePointer?, _ segment: UnsafePointer<hadal_segment>?, _ node: UInt32, _ reason: UnsafeMutablePointer<CChar>?,
        _ capacity: UInt32
    ) -> UInt32 {
        let refusal: String?
        do {
            guard let segment else { throw ForeignError.missing("segment") }
            let device = try object(handle, as: ExportedDevice.self, "device").device
            let here = try Segment(foreign: segment)
            guard Int(node) < here.graph.nodes.count else { throw HadalError(.invalidArgument, "there is no node \(node)") }
            refusal = device.unsupported(node: Int(node), of: here)
        } catch { refusal = "\(error)" }
        guard let refusal else { return UInt32(HADAL_SUPPORT_YES) }
        if let reason, capacity > 0 {
            var length = 0
            // Whole scalars only, so that what arrives is UTF-8.
            for scalar in refusal.unicodeScalars {
                let units = UTF8.encode(scalar).map(Array.init) ?? []
                guard length + units.count < Int(capacity) else { break }
                for unit in units {
                    reason[length] = CChar(bitPattern: unit)
                    length += 1
                }
            }
            reason[length] = 0
        }
        return UInt32(HADAL_SUPPORT_NO)
    }

    private static func execute(_ handle: OpaquePointer?, _ execution: UnsafePointer<hadal_execution>) throws {
        let exported = try object(handle, as: ExportedExecutable.self, "executable")
        // Version 1 of the ABI begins with all of these fields.
        guard Int(execution.pointee.size) >= MemoryLayout<hadal_execution>.size, let step = execution.pointee.step,
            Int(step.pointee.size) >= MemoryLayout<hadal_step>.size
        else { throw ForeignError.missing("complete execution") }
        let c = execution.pointee
        func bindings(_ first: UnsafePointer<hadal_binding>?, _ count: UInt32) throws -> UnsafeBufferPointer<hadal_binding> {
            guard count == 0 || first != nil else { throw ForeignError.missing("bindings") }
            return UnsafeBufferPointer(start: first, count: Int(count))
        }
        // `execute` checks the rest.
        try withOwnStride(step) { step in
            try exported.executable.execute(
                Execution(
                    inputs: bindings(c.inputs, c.input_count), outputs: bindings(c.outputs, c.output_count),
                    states: bindings(c.states, c.state_count), step: step, trace: c.trace, traceContext: c.trace_context,
                    cancel: c.cancel.map { UnsafePointer($0) }))
        }
    }

    /// Calls `body` with a step whose sequences lie as this side's structs do. Only a newer or an older host makes a copy necessary.
    private static func withOwnStride(_ step: UnsafePointer<hadal_step>, _ body: (UnsafePointer<hadal_step>) throws -> Void) throws {
        let (stride, own) = (Int(step.pointee.sequence_stride), MemoryLayout<hadal_sequence>.stride)
        guard stride != own, step.pointee.sequence_count > (stride > own ? 1 : 0), let base = step.pointee.sequences else {
            return try body(step)
        }
        guard stride >= hadal_sequence.leastSize else { throw HadalError(.invalidArgument, "the step's sequences are missing") }
        try withUnsafeTemporaryAllocation(of: hadal_sequence.self, capacity: Int(step.pointee.sequence_count)) { sequences in
            for i in sequences.indices {
                let source = UnsafeRawPointer(base).advanced(by: i * stride).assumingMemoryBound(to: hadal_sequence.self)
                sequences.initializeElement(at: i, to: readPrefix(of: source, size: UInt32(stride), over: hadal_sequence()))
            }
            var copy = step.pointee
            copy.sequences = UnsafePointer(sequences.baseAddress)
            copy.sequence_stride = UInt32(own)
            try body(&copy)
        }
    }
}
