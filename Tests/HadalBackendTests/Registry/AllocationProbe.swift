import CAllocationCounter
import CHadalPlugin
import Foundation
import HadalBackend
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// Counts the heap allocations of `execute`, on the calling thread.
enum AllocationProbe {
    /// Allocations over 100 steps of one token, after one step to warm up.
    static func allocations(of executable: any Executable, floats: Int) throws -> UInt64 {
        let x = UnsafeMutablePointer<Float>.allocate(capacity: floats)
        let y = UnsafeMutablePointer<Float>.allocate(capacity: floats)
        x.initialize(repeating: 1, count: floats)
        y.initialize(repeating: 0, count: floats)
        defer {
            x.deallocate()
            y.deallocate()
        }
        let bindings = [
            hadal_binding(buffer: nil, host: x, offset: 0, bytes: UInt64(floats * 4)),
            hadal_binding(buffer: nil, host: y, offset: 0, bytes: UInt64(floats * 4)),
        ]
        var sequence = hadal_sequence(
            first_token: 0, token_count: 1, past: 0, planned_length: 0, first_page: 0, page_count: 0, slot_before: 0, slot_after: 1)
        return try bindings.withUnsafeBufferPointer { bindings in
            try withUnsafePointer(to: &sequence) { sequence in
                var step = hadal_step()
                step.size = UInt32(MemoryLayout<hadal_step>.size)
                (step.tokens, step.rows, step.sequence_count) = (1, 1, 1)
                step.sequences = sequence
                step.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
                return try withUnsafePointer(to: &step) { step in
                    let execution = Execution(
                        inputs: .init(start: bindings.baseAddress, count: 1),
                        outputs: .init(start: bindings.baseAddress.map { $0 + 1 }, count: 1),
                        states: .init(start: nil, count: 0), step: step)
                    try executable.execute(execution)
                    let before = allocation_counter_thread()
                    for _ in 0..<100 { try executable.execute(execution) }
                    return allocation_counter_thread() - before
                }
            }
        }
    }
}

@Suite struct AllocationCounterTests {
    @Test func countsWhatSwiftAllocates() throws {
        try #require(allocation_counter_watch())
        let before = (allocation_counter_thread(), allocation_counter_total())
        for i in 0..<10 { withExtendedLifetime([UInt8](repeating: UInt8(i), count: 4096 + i)) {} }
        #expect(allocation_counter_thread() - before.0 >= 10)
        #expect(allocation_counter_total() - before.1 >= 10)
    }

    @Test func countsNothingWhereNothingIsAllocated() throws {
        try #require(allocation_counter_watch())
        var sum = 0
        let before = allocation_counter_thread()
        for i in 0..<1000 { sum &+= i }
        #expect(allocation_counter_thread() - before == 0)
        #expect(sum == 499500)
    }

    @Test func threadsAreCountedApart() async throws {
        try #require(allocation_counter_watch())
        let total = allocation_counter_total()
        let mine = allocation_counter_thread()
        // Kept until the end: an optimiser may leave out a malloc that is freed at once.
        let thread = Thread {
            let blocks = (0..<100).map { malloc(1000 + $0) }
            for block in blocks { free(block) }
        }
        thread.start()
        let after = allocation_counter_thread()
        while !thread.isFinished { usleep(1000) }
        #expect(allocation_counter_total() - total >= 100)
        #expect(after - mine < 100)
    }

    /// Plugins find the C library before the executable: an interposed malloc would not see them.
    @Test(.enabled(if: Compiler.c != nil, "needs a C compiler"))
    func countsInsideLibrariesOpenedLikePlugins() throws {
        let folder = try PluginFolder()
        let source =
            "#include <stdlib.h>\n#include <string.h>\nvoid many(void) { for (int i = 0; i < 50; i++) { free(malloc(10 + i)); free(strdup(\"x\")); } }"
        try Data(source.utf8).write(to: URL(fileURLWithPath: folder.file("many.c")))
        let built = try Compiler.run(
            try #require(Compiler.c), ["-O0", "-shared", "-fPIC", folder.file("many.c"), "-o", folder.file("many.so")])
        try #require(built.status == 0)
        let handle = try #require(dlopen(folder.file("many.so"), RTLD_NOW | RTLD_LOCAL | 8))
        let many = unsafeBitCast(try #require(dlsym(handle, "many")), to: (@convention(c) () -> Void).self)
        try #require(allocation_counter_watch())
        let before = allocation_counter_thread()
        many()
        #expect(allocation_counter_thread() - before == 100)
    }
}
