import CHadalPlugin
import HadalBackend
import Testing

struct ExpertStatisticsTests {
    @Test("statistics cross the plugin ABI and back, each field as its own")
    func roundTrip() {
        var statistics = ExpertStatistics()
        statistics.hits = 1
        statistics.prefetchHits = 2
        statistics.misses = 3
        statistics.reads = 4
        statistics.prefetches = 5
        statistics.readBytes = 6
        statistics.waitedNanoseconds = 7
        statistics.heldBytes = 8
        statistics.limitBytes = 9
        statistics.totalBytes = 10
        let c = statistics.foreign
        #expect(c.size == 88)
        #expect(ExpertStatistics(foreign: c) == statistics)
        // The header declares the counts in the same order, after one word of size and reserve.
        #expect(withUnsafeBytes(of: c) { Array($0.bindMemory(to: UInt64.self).dropFirst()) } == Array(1...10))
    }

    @Test("counts beyond either side's range stop at its end")
    func clamping() {
        var c = hadal_executable_statistics()
        c.expert_hits = .max
        #expect(ExpertStatistics(foreign: c).hits == .max)
        var statistics = ExpertStatistics()
        statistics.hits = -1
        #expect(statistics.foreign.expert_hits == 0)
    }
}
