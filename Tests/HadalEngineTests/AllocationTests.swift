import CAllocationCounter
import HadalCore
import HadalEngine
import TestSupport
import Testing

/// The number that proves "plan once, run many": heap allocations of a decode step.
@Suite("Allocations", .serialized)
struct AllocationTests {
    @Test("a decode step on the cpu backend allocates nothing")
    func decodeStep() throws {
        let engine = try Engine(path: Fixtures.path("models/llama"), options: Golden.options("cpu"))
        let session = engine.makeSession()
        try session.append([1, 2, 3])
        let sampler = try Sampler(options: .greedy, vocabulary: engine.vocabularySize)
        let token = UnsafeMutableBufferPointer<Int32>.allocate(capacity: 1)
        defer { token.deallocate() }
        func step() throws {
            token[0] = sampler.sample(session.logits.baseAddress!, history: UnsafeBufferPointer(token))
            try session.append(UnsafeBufferPointer(token))
        }
        // The counter patches the libraries that are loaded, so the plugin must be.
        try #require(allocation_counter_watch())
        for _ in 0..<3 { try step() }
        let before = allocation_counter_thread()
        let control = [UInt8](repeating: 1, count: 10_000)
        #expect(allocation_counter_thread() > before, "the counter counts")
        #expect(control.count == 10_000)
        let start = allocation_counter_thread()
        for _ in 0..<100 { try step() }
        // 100 steps cross a page of the cache, too.
        #expect(allocation_counter_thread() - start == 0)
        #expect(session.count > engine.pageTokens)
    }
}
