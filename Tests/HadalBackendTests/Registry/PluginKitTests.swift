import CAllocationCounter
import CHadalPlugin
import Foundation
import HadalBackend
import HadalCore
import HadalGraph
import HadalPluginKit
import Synchronization
import TestSupport
import Testing

/// A Swift backend through the real C table and back: what goes in must come out.
struct PluginKitTests {
    private func roundTrip(_ sample: SampleBackend) throws -> (PluginExport, PluginBackend) {
        let export = PluginExport(sample)
        return (export, PluginBackend(try PluginLoader.load(query: { export.answer($0) })))
    }

    @Test func descriptionCrosses() throws {
        let sample = SampleBackend()
        let (export, backend) = try roundTrip(sample)
        #expect(backend.name == "sample" && backend.version == "2.5" && backend.summary == "multiplies")
        #expect(backend.capabilities == sample.capabilities)
        #expect(backend.options == sample.options)
        let (there, here) = (try sample.devices(), try backend.devices())
        #expect(here.count == 2)
        for (a, b) in zip(there, here) {
            #expect(a.kind == b.kind && a.id == b.id && a.name == b.name && a.driver == b.driver && a.features == b.features)
            #expect(a.subgroupSizes == b.subgroupSizes && a.dtypes == b.dtypes && a.importAlignment == b.importAlignment)
            #expect(a.bufferRangeLimit == b.bufferRangeLimit && a.heaps.count == b.heaps.count)
            for (x, y) in zip(a.heaps, b.heaps) {
                #expect(x.bytesTotal == y.bytesTotal && x.bytesFree == y.bytesFree)
                #expect(x.hostVisible == y.hostVisible && x.deviceLocal == y.deviceLocal)
            }
        }
        withExtendedLifetime(export) {}
    }

    @Test func staticAnswerMakesOneTableForAType() throws {
        final class Once: Backend {
            static let made = Mutex(0)
            let (name, version, summary) = ("once", "1", "")
            let capabilities: BackendCapabilities = []
            let options: [OptionSpec] = []
            init() { Once.made.withLock { $0 += 1 } }
            func devices() throws -> [DeviceInfo] { [] }
            func open(device index: Int, options: [String: OptionValue], log: LogSink) throws -> any Device {
                throw HadalError(.unsupported, "nothing to open")
            }
        }
        for _ in 0..<3 {
            let plugin = try PluginLoader.load(query: { PluginExport.answer($0, backend: Once.init) })
            #expect(plugin.name == "once")
        }
        #expect(Once.made.withLock { $0 } == 1)
        var query = hadal_query()
        query.size = UInt32(MemoryLayout<hadal_query>.size)
        query.host_abi_minimum = 7
        query.host_abi_maximum = 9
        PluginExport.answer(&query, backend: Once.init)
        #expect(query.abi_version == 0 && query.plugin == nil && query.plugin_abi_maximum == 1)
        PluginExport.answer(nil, backend: Once.init)
    }

    @Test func optionsAndLogCross() throws {
        let sample = SampleBackend()
        let (export, backend) = try roundTrip(sample)
        let lines = Mutex<[String]>([])
        let options: [String: OptionValue] = ["gain": .float(2.5), "steps": .int(9), "mode": .string("b"), "on": .bool(false)]
        let device = try backend.open(
            device: 1, options: options, log: LogSink { level, text in lines.withLock { $0.append("\(level) \(text)") } })
        #expect(sample.opened.withLock { $0 } == options)
        #expect(lines.withLock { $0 } == ["warning sample: hello from 1"])
        #expect(device.info.id == "soft")
        withExtendedLifetime(export) {}
    }

    @Test func segmentCrossesWhole() throws {
        let sample = SampleBackend()
        let (export, backend) = try roundTrip(sample)
        let device = try backend.open(device: 0, options: [:], log: .silent)
        var segment = Running.doubling(count: 2, tokens: 32)
        segment.graph.values[1].dims = [.symbol(.sequences), .fixed(3)]
        segment.graph.values[2].dims = [.rows, .fixed(3)]
        segment.graph.weights = [.init(name: "wéight", dtype: .q8_0, dims: [2, 64]), .init(name: "eight", dtype: .f8_e4m3, dims: [2, 2])]
        segment.graph.states = [.init(name: "k", heads: 2, width: 5), .init(name: "v", heads: 1, width: 7)]
        segment.graph.nodes[1].inputs = [.value(1), .none, .weight(1), .weight(0)]
        segment.graph.nodes[1].states = [1, 0]
        segment.graph.nodes[1].attributes = [
            "b": .bool(true), "i": .int(-5), "f": .float(0.1), "s": .string("half"), "is": .ints([1, -2, 3]), "fs": .floats([0.5, 2]),
            "none": .ints([]),
        ]
        segment.stateDType = .f16
        segment.pageTokens = 16
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 136, alignment: 16)
        let scales = UnsafeMutablePointer<Float>.allocate(capacity: 2)
        defer {
            bytes.deallocate()
            scales.deallocate()
        }
        segment.weights = [
            .init(bytes: UnsafeRawBufferPointer(bytes), file: (descriptor: 5, offset: 99)),
            .init(
                bytes: UnsafeRawBufferPointer(rebasing: bytes[..<4]),
                scales: .init(values: scales, rows: 1, columns: 2, block: (rows: 2, columns: 1))),
        ]
        let executable = try device.compile(segment)
        #expect(!executable.info.keepsWeights)
        #expect(executable.info.weightBytes == 11 && executable.info.scratchBytes == 22 && executable.info.barriersPerStep == 33)

        let there = try #require(sample.received.withLock { $0.last })
        #expect(there.graph.name == segment.graph.name)
        #expect(there.graph.values == segment.graph.values)
        #expect(there.graph.weights == segment.graph.weights)
        #expect(there.graph.states == segment.graph.states)
        #expect(there.graph.inputs == segment.graph.inputs && there.graph.outputs == segment.graph.outputs)
        for (a, b) in zip(there.graph.nodes, segment.graph.nodes) {
            #expect(a.label == b.label && a.op == b.op && a.inputs == b.inputs && a.outputs == b.outputs && a.states == b.states)
            #expect(a.attributes == b.attributes)
        }
        #expect(there.bounds == segment.bounds && there.stateDType == .f16 && there.pageTokens == 16)
        #expect(there.weights[0].bytes?.baseAddress == UnsafeRawPointer(bytes.baseAddress) && there.weights[0].bytes?.count == 136)
        #expect(there.weights[0].file?.descriptor == 5 && there.weights[0].file?.offset == 99 && there.weights[0].scales == nil)
        let scale = try #require(there.weights[1].scales)
        #expect(scale.values == UnsafePointer(scales) && scale.rows == 1 && scale.columns == 2)
        #expect(scale.block.rows == 2 && scale.block.columns == 1)
        withExtendedLifetime(export) {}
    }

    @Test func supportsCrosses() throws {
        let (export, backend) = try roundTrip(SampleBackend())
        let device = try backend.open(device: 0, options: [:], log: .silent)
        var segment = Running.doubling(count: 3)
        segment.graph.nodes[2].op = "rope"
        #expect(device.unsupported(node: 0, of: segment) == nil)
        // Cut to the buffer, between characters.
        let reason = try #require(device.unsupported(node: 2, of: segment))
        #expect(reason.hasPrefix("nur „scale“, ß") && reason.utf8.count <= 511 && !reason.contains("\u{FFFD}"))
        withExtendedLifetime(export) {}
    }

    @Test func runsAndCancels() throws {
        let sample = SampleBackend()
        let (export, backend) = try roundTrip(sample)
        do {
            let device = try backend.open(device: 0, options: ["gain": .float(0.5)], log: .silent)
            let executable = try device.compile(Running.doubling(width: 2, count: 3))
            #expect(try Running.run(executable, [[1, 2, 3, 4]], output: 4, tokens: 2) == [4, 8, 12, 16])
            var flag: UInt32 = 1
            let cancelled = expectError(.cancelled) { try Running.run(executable, [[1, 2]], output: 2, tokens: 1, cancel: &flag) }
            #expect(cancelled?.message == "sample: stopped")
            expectError(.invalidArgument, "inputs") { try Running.run(executable, [[1], [2]], output: 2, tokens: 1) }
        }
        #expect(sample.alive.withLock { $0 } == 0)
        withExtendedLifetime(export) {}
    }

    @Test func aNewerHostsLongerSequences() throws {
        let sample = SampleBackend()
        let (export, backend) = try roundTrip(sample)
        let device = try backend.open(device: 0, options: [:], log: .silent)
        var segment = Running.doubling(width: 1)
        segment.bounds.sequences = 3
        let executable = try device.compile(segment)
        // Sequences of 40 bytes, the last 16 unknown to this kit.
        var words = [UInt32](repeating: 0xFFFF_FFFF, count: 30)
        for i in 0..<3 { words.replaceSubrange(i * 10..<i * 10 + 6, with: [0, 0, UInt32(100 + i), 0, 0, 0]) }
        var pasts: [UInt64] = []
        try words.withUnsafeBytes { words in
            var step = hadal_step()
            step.size = UInt32(MemoryLayout<hadal_step>.size)
            step.sequence_count = 3
            step.sequences = words.baseAddress?.assumingMemoryBound(to: hadal_sequence.self)
            step.sequence_stride = 40
            var (x, y): (Float, Float) = (0, 0)
            try withUnsafeMutablePointer(to: &pasts) { pasts in
                try withUnsafeMutablePointer(to: &x) { x in
                    try withUnsafeMutablePointer(to: &y) { y in
                        var (input, output) = (
                            hadal_binding(buffer: nil, host: x, offset: 0, bytes: 4),
                            hadal_binding(buffer: nil, host: y, offset: 0, bytes: 4)
                        )
                        try withUnsafePointer(to: &input) { input in
                            try withUnsafePointer(to: &output) { output in
                                try executable.execute(
                                    Execution(
                                        inputs: .init(start: input, count: 1), outputs: .init(start: output, count: 1),
                                        states: .init(start: nil, count: 0),
                                        step: &step,
                                        trace: { context, event in
                                            if let event {
                                                context?.assumingMemoryBound(to: [UInt64].self).pointee.append(event.pointee.bytes)
                                            }
                                        }, traceContext: pasts))
                            }
                        }
                    }
                }
            }
        }
        #expect(pasts == [100, 101, 102])
        withExtendedLifetime(export) {}
    }

    @Test func exchangedKernelsCross() throws {
        let sample = SampleBackend()
        let (export, backend) = try roundTrip(sample)
        #expect(backend.capabilities.contains(.liveKernels))
        let executable = try backend.open(device: 0, options: [:], log: .silent).compile(Running.doubling())
        try executable.replaceKernel(op: "scale", from: "/a/dïr")
        #expect(sample.replaced.withLock { $0 } == ["/a/dïr/scale"])
        let failure = expectError(.notFound) { try executable.replaceKernel(op: "rope", from: "/b") }
        #expect(failure?.message == "sample: /b/rope: no kernel of 'rope'")
        withExtendedLifetime(export) {}
    }

    @Test func errorsCross() throws {
        let sample = SampleBackend(ownsMemory: true)
        let (export, backend) = try roundTrip(sample)
        let device = try backend.open(device: 0, options: [:], log: .silent)
        var segment = Running.doubling()
        segment.graph.name = "too large"
        let failure = expectError(.outOfMemory) { try device.compile(segment) }
        #expect(failure?.message == "sample: no room (use less)")
        expectError(.outOfMemory, "wanted 2147483648 bytes") { try device.allocate(bytes: 1 << 31) }
        let (export2, failing) = try roundTrip(SampleBackend(name: "failing"))
        let listing = expectError(.io) { try failing.devices() }
        #expect(listing?.message == "failing: the bus is gone")
        withExtendedLifetime((export, export2)) {}
    }

    @Test func buffersCross() throws {
        let sample = SampleBackend(ownsMemory: true)
        let (export, backend) = try roundTrip(sample)
        #expect(backend.ownsMemory)
        do {
            let device = try backend.open(device: 0, options: [:], log: .silent)
            let a = try #require(try device.allocate(bytes: 16))
            let b = try #require(try device.allocate(bytes: 16))
            try [Float]([1, 2, 3, 4]).withUnsafeBytes { try a.write(offset: 0, from: $0) }
            try b.copy(from: a, sourceOffset: 4, to: 0, bytes: 12)
            let executable = try device.compile(Running.doubling(width: 1))
            try Running.step(
                executable,
                [
                    hadal_binding(buffer: b.handle, host: nil, offset: 0, bytes: 16),
                    hadal_binding(buffer: a.handle, host: nil, offset: 4, bytes: 12),
                ],
                tokens: 3)
            var result = [Float](repeating: 0, count: 4)
            try result.withUnsafeMutableBytes { try a.read(offset: 0, into: $0) }
            #expect(result == [1, 4, 6, 8])
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 32, alignment: 16)
            defer { memory.deallocate() }
            memory.copyBytes(from: (0..<32).map(UInt8.init))
            let imported = try #require(try device.importMemory(memory))
            var byte: UInt8 = 0
            try withUnsafeMutableBytes(of: &byte) { try imported.read(offset: 31, into: $0) }
            #expect(byte == 31)
            expectError(.invalidArgument, "imports memory aligned to") {
                try device.importMemory(UnsafeMutableRawBufferPointer(rebasing: memory[1...]))
            }
            #expect(sample.alive.withLock { $0 } == 5)
        }
        #expect(sample.alive.withLock { $0 } == 0)
        withExtendedLifetime(export) {}
    }

    /// Host, C table and kit together allocate nothing once a segment is compiled.
    @Test func executeAllocatesNothing() throws {
        let (export, backend) = try roundTrip(SampleBackend())
        let device = try backend.open(device: 0, options: [:], log: .silent)
        let executable = try device.compile(Running.doubling(width: 2))
        try #require(allocation_counter_watch())
        #expect(try AllocationProbe.allocations(of: executable, floats: 2) == 0)
        withExtendedLifetime(export) {}
    }
}
