import Testing

@testable import HadalEngine

@Suite("Steps to compute a session again")
struct StepLogTests {
    /// The sizes of all steps.
    private func sizes(_ log: StepLog, from start: Int = 0, upTo end: Int, most: Int = 512) -> [Int] {
        var sizes: [Int] = []
        while start + sizes.reduce(0, +) < end { sizes.append(log.size(after: start + sizes.reduce(0, +), upTo: end, most: most)) }
        return sizes
    }

    @Test("prompts in their chunks, answers in steps whose tokens have the bits of single ones")
    func kinds() {
        var log = StepLog()
        log.note(124, after: 0, chunk: 128)
        log.note(16, after: 124, chunk: 128)
        for place in 140..<151 { log.note(1, after: place, chunk: 128) }
        // A line of many tokens that was put into an answer.
        log.note(12, after: 151, chunk: 128)
        log.note(1, after: 163, chunk: 128)
        #expect(sizes(log, upTo: 164) == [124, 16, 8, 3, 12, 1])
        #expect(sizes(log, from: 64, upTo: 150) == [60, 16, 8, 2])
        #expect(sizes(log, upTo: 164, most: 64) == [64, 60, 16, 8, 3, 12, 1])
        #expect(log.canResume(at: 64) && log.canResume(at: 124) && log.canResume(at: 145) && !log.canResume(at: 128))
    }

    @Test("what came from elsewhere was a prompt, and a prompt that begins again leaves no gap")
    func again() {
        var log = StepLog()
        log.note(40, after: 192, chunk: 128)
        #expect(sizes(log, upTo: 232) == [128, 64, 40])
        // Its pages were taken and the first blocks found again.
        log.note(104, after: 128, chunk: 128)
        #expect(sizes(log, upTo: 232) == [128, 104])
        log.note(50, after: 64, chunk: 128)
        #expect(sizes(log, upTo: 114) == [64, 50])
        // Cut within a step, of which too little would be left.
        var short = StepLog()
        short.note(124, after: 0, chunk: 128)
        short.note(30, after: 124, chunk: 128)
        short.note(26, after: 128, chunk: 128)
        #expect(sizes(short, upTo: 154) == [128, 26])
        // Computed again from the start, beyond a rope switch.
        short.note(300, after: 0, chunk: 128)
        #expect(sizes(short, upTo: 300) == [300])
    }
}
