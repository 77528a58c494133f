import CHadalPlugin
import Foundation
import HadalBackend
import HadalCore
import HadalGraph
import Synchronization
import Testing
import TestSupport

#if canImport(Glibc)
    import Glibc
#endif

/// The host's path for each thing that a plugin may lack or fail at, over real shared libraries.
@Suite(.enabled(if: Compiler.c != nil, "needs a C compiler"))
struct PluginBackendTests {
    /// A variant of the fixture, loaded; its counters can be read.
    final class Variant {
        let folder: PluginFolder
        let backend: PluginBackend
        private let handle: UnsafeMutableRawPointer?

        init(_ defines: [String] = []) throws {
            folder = try PluginFolder()
            let path = try folder.variant("v.so", defines)
            backend = PluginBackend(try PluginLoader.load(path: path))
            handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD)
        }

        func count(_ name: String) -> Int {
            dlsym(handle, "variant_\(name)").map { Int($0.load(as: Int32.self)) } ?? -1
        }

        func open(_ options: [String: OptionValue] = [:], log: LogSink = .silent) throws -> any Device {
            try backend.open(device: 0, options: options, log: log)
        }
    }

    private let allCapabilities = "CAPABILITIES=63"

    @Test func listsMoreDevicesThanAskedFor() throws {
        let devices = try Variant().backend.devices()
        #expect(devices.count == 12)
        #expect(devices[11].id == "unit-11")
        #expect(devices[11].heaps.first?.bytesTotal == 1011)
    }

    @Test func opensLogsAndCloses() throws {
        let variant = try Variant()
        let lines = Mutex<[String]>([])
        do {
            let device = try variant.open(log: LogSink { _, text in lines.withLock { $0.append(text) } })
            #expect(variant.count("devices") == 1)
            device.quiesce()
            #expect(variant.count("quiesced") == 1)
        }
        #expect(variant.count("devices") == 0)
        #expect(lines.withLock { $0 } == ["variant: opened"])
    }

    @Test func refusesWrongOptionsBeforeOpening() throws {
        let variant = try Variant()
        expectError(.invalidArgument, "no option 'nosuch'") { try variant.open(["nosuch": .int(1)]) }
        expectError(.invalidArgument, "more than the most") { try variant.open(["width": .int(17)]) }
        expectError(.invalidArgument, "not of kind int") { try variant.open(["width": .string("4")]) }
        expectError(.invalidArgument, "not one of low, high") { try variant.open(["mode": .string("up")]) }
        expectError(.notFound) { try variant.backend.open(device: 12, options: [:], log: .silent) }
        #expect(variant.count("devices") == 0)
        _ = try variant.open(["width": .int(16), "mode": .string("high")])
    }

    /// Four functions are enough.
    @Test func minimalPlugin() throws {
        for defines in [["MINIMAL"], ["TABLE_SIZE=offsetof(hadal_plugin,buffer_allocate)", "MINIMAL", "BUFFERS=2"]] {
            let variant = try Variant(defines)
            #expect(try variant.backend.devices().map(\.name) == ["variant"])
            #expect(!variant.backend.ownsMemory)
            let device = try variant.open()
            device.quiesce()
            #expect(try device.allocate(bytes: 16) == nil)
            #expect(try device.importMemory(.init(start: nil, count: 0)) == nil)
            let executable = try device.compile(Running.doubling(fixed: true))
            #expect(executable.info.keepsWeights)
            #expect(try Running.run(executable, [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]], output: 12, tokens: 4).last == 24)
        }
    }

    @Test func supportsWithReasons() throws {
        let device = try Variant([allCapabilities]).open()
        var segment = Running.doubling(count: 2)
        #expect(device.unsupported(node: 1, of: segment) == nil)
        segment.graph.nodes[1].op = "rope"
        #expect(device.unsupported(node: 1, of: segment) == "only scale")
        #expect(device.unsupported(node: 2, of: segment)?.contains("no node 2") == true)
        let rude = try Variant(["REASON_WITHOUT_END"]).open()
        #expect(rude.unsupported(node: 0, of: segment)?.count == 511)
    }

    @Test func withoutSymbolsCompilesPerExtent() throws {
        let variant = try Variant(["CAPABILITIES=4"])
        do {
            let executable = try variant.open().compile(Running.doubling(width: 1, tokens: 16))
            #expect(variant.count("compiles") == 1)
            for tokens in [2, 3, 2, 3, 2] {
                let input = (0..<tokens).map(Float.init)
                #expect(try Running.run(executable, [input], output: tokens, tokens: tokens) == input.map { 2 * $0 })
            }
            #expect(variant.count("compiles") == 3)
            for tokens in 4...16 { _ = try Running.run(executable, [(0..<tokens).map(Float.init)], output: tokens, tokens: tokens) }
            #expect(variant.count("executables") == 8)
            expectError(.invalidArgument) { try Running.run(executable, [[1]], output: 17, tokens: 17) }
        }
        #expect(variant.count("executables") == 0)
        #expect(variant.count("devices") == 0)
    }

    @Test func withSymbolsCompilesOnce() throws {
        let variant = try Variant([allCapabilities])
        let executable = try variant.open().compile(Running.doubling(width: 1))
        for tokens in 1...4 { #expect(try Running.run(executable, [[1, 2, 3, 4]], output: tokens, tokens: tokens).first == 2) }
        #expect(variant.count("compiles") == 1)
    }

    @Test func fieldsBehindCapabilitiesAreNotSent() throws {
        let variant = try Variant(["CAPABILITIES=32"])
        let device = try variant.open()
        expectError(.unsupported, "segments of one node") { try device.compile(Running.doubling(count: 2)) }

        var stateful = Running.doubling()
        stateful.graph.states = [.init(name: "kv", heads: 1, width: 1)]
        stateful.graph.nodes[0].states = [0]
        expectError(.unsupported, "takes no state") { try device.compile(stateful) }
        #expect(device.unsupported(node: 0, of: stateful)?.contains("takes no state") == true)

        var scaled = Running.doubling()
        scaled.graph.weights = [.init(name: "w", dtype: .f8_e4m3, dims: [2, 2])]
        scaled.graph.nodes[0].inputs.append(.weight(0))
        let scales: [Float] = [1]
        scales.withUnsafeBufferPointer { pointer in
            let scale = pointer.baseAddress.map { Segment.BlockScales(values: $0, rows: 1, columns: 1, block: (rows: 2, columns: 2)) }
            scaled.weights = [.init(bytes: nil, scales: scale)]
            expectError(.unsupported, "block scales") { try device.compile(scaled) }
        }

        // The fixture fails when it is sent a trace or a second sequence.
        let executable = try device.compile(Running.doubling(width: 1))
        #expect(try Running.run(executable, [[1, 2]], output: 2, tokens: 2, trace: { _, _ in }) == [2, 4])
        expectError(.unsupported, "one sequence a step") { try Running.run(executable, [[1, 2]], output: 2, tokens: 2, sequences: 2) }
        #expect(variant.count("errors") == 0)
    }

    @Test func tracesWhenClaimed() throws {
        let executable = try Variant([allCapabilities]).open().compile(Running.doubling(width: 1))
        var events: [UInt64] = []
        try withUnsafeMutablePointer(to: &events) { pointer in
            _ = try Running.run(
                executable, [[1]], output: 1, tokens: 1, sequences: 2,
                trace: { context, event in
                    if let event { context?.assumingMemoryBound(to: [UInt64].self).pointee.append(event.pointee.bytes) }
                }, context: pointer)
        }
        #expect(events == [3])
    }

    @Test(arguments: ["list_devices", "open_device", "compile", "execute", "buffer_allocate", "buffer_write"])
    func failuresBecomeErrors(function: String) throws {
        let variant = try Variant(["FAIL_\(function)", "FAIL_CODE=HADAL_ERROR_OUT_OF_MEMORY", "BUFFERS=1", allCapabilities])
        let failure = expectError(.outOfMemory) {
            let device = try variant.open()
            let buffer = try device.allocate(bytes: 16)
            try [UInt8](repeating: 1, count: 4).withUnsafeBytes { try buffer?.write(offset: 0, from: $0) }
            _ = try Running.run(try device.compile(Running.doubling()), [[1, 2, 3]], output: 3, tokens: 1)
        }
        let text = failure?.message ?? ""
        #expect(text.hasPrefix("variant: ") && text.hasSuffix("[op double; tensor blk.0.w; wanted 4096 bytes, 17 free]"))
        // The object was released, and everything that was opened on the way closed.
        #expect(variant.count("errors") == 0)
        #expect(variant.count("devices") == 0 && variant.count("executables") == 0 && variant.count("buffers") == 0)
    }

    @Test(arguments: [
        (1, HadalError.Code.invalidArgument), (2, .notFound), (3, .unsupported), (4, .outOfMemory), (5, .backend), (6, .backend),
        (7, .cancelled), (8, .io), (9, .mismatch), (10, .limitExceeded), (77, .backend), (-1, .backend),
    ])
    func codes(_ c: (number: Int, code: HadalError.Code)) throws {
        let variant = try Variant(["FAIL_compile", "FAIL_CODE=(\(c.number))"])
        expectError(c.code) { try variant.open().compile(Running.doubling(fixed: true)) }
    }

    /// With all functions, with the least (the host copies and uploads through itself), and with mapped memory alone.
    @Test(arguments: [["BUFFERS=2"], ["BUFFERS=1"], ["BUFFERS=1", "MAPPED_ONLY"]])
    func buffers(_ defines: [String]) throws {
        let variant = try Variant(defines + [allCapabilities])
        do {
            let device = try variant.open()
            // More than twice what passes through the host at a time, and no multiple of it.
            let count = 2 << 20 | 5
            let bytes = [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
                for i in 0..<count { bytes[i] = UInt8(truncatingIfNeeded: i &* 31 ^ i >> 11) }
                filled = count
            }
            let file = variant.folder.file("bytes")
            try Data(bytes).write(to: URL(fileURLWithPath: file))
            let descriptor = open(file, O_RDONLY)
            defer { close(descriptor) }

            let a = try #require(try device.allocate(bytes: count))
            let b = try #require(try device.allocate(bytes: count))
            func contents(_ buffer: any Buffer) throws -> [UInt8] {
                var result = [UInt8](repeating: 0, count: buffer.bytes)
                try result.withUnsafeMutableBytes { try buffer.read(offset: 0, into: $0) }
                return result
            }
            try a.upload(offset: 1, file: descriptor, fileOffset: 2, bytes: count - 2)
            #expect(try contents(a) == [0] + bytes[2...] + [0])
            try bytes.withUnsafeBytes { try a.write(offset: 0, from: $0) }
            try b.copy(from: a, sourceOffset: 3, to: 5, bytes: count - 5)
            #expect(try contents(b) == [0, 0, 0, 0, 0] + bytes[3..<count - 2])
            // From and to other kinds of buffer.
            let host = try HostBuffer(bytes: count)
            try host.copy(from: a, sourceOffset: 0, to: 0, bytes: count)
            try b.copy(from: host, sourceOffset: 0, to: 0, bytes: count)
            #expect(try contents(b) == bytes)

            for (offset, length) in [(-1, 1), (count, 1), (0, count + 1), (Int.max, 2)] {
                expectError(.invalidArgument) { try a.copy(from: b, sourceOffset: 0, to: offset, bytes: length) }
                expectError(.invalidArgument) { try a.copy(from: b, sourceOffset: offset, to: 0, bytes: length) }
                expectError(.invalidArgument) { try a.upload(offset: offset, file: descriptor, fileOffset: 0, bytes: length) }
            }
            // A plugin that copies by itself has a code of its own.
            expectError(defines.contains("BUFFERS=2") ? .backend : .io) {
                try a.upload(offset: 0, file: descriptor, fileOffset: UInt64(count) - 1, bytes: 2)
            }
            expectError(.invalidArgument) { try a.upload(offset: 0, file: descriptor, fileOffset: .max, bytes: 2) }

            // A step over the plugin's own memory.
            let executable = try device.compile(Running.doubling(width: 1))
            try [Float]([1, 2, 3]).withUnsafeBytes { try a.write(offset: 8, from: $0) }
            try Running.step(
                executable,
                [
                    hadal_binding(buffer: a.handle, host: nil, offset: 8, bytes: 12),
                    hadal_binding(buffer: b.handle, host: nil, offset: 4, bytes: 12),
                ], tokens: 3)
            var result = [Float](repeating: 0, count: 3)
            try result.withUnsafeMutableBytes { try b.read(offset: 4, into: $0) }
            #expect(result == [2, 4, 6])
        }
        #expect(variant.count("buffers") == 0)
        #expect(variant.count("errors") == 0)
    }
}
