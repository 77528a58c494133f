import Foundation
import HadalCore
import Testing

@Suite("Monitors") struct MonitorTests {
    @Test("changes of several threads are all counted")
    func lock() throws {
        let count = Monitor(0)
        let threads = try (0..<4).map { _ in
            try #require(SystemThread(name: "adder") { for _ in 0..<5000 { count.withLock { $0 += 1 } } })
        }
        for thread in threads { thread.join() }
        #expect(count.withLock { $0 } == 20_000)
    }

    /// Each takes its turn only when it is told that it is: a wake that is lost leaves both waiting.
    @Test("two threads take turns")
    func turns() throws {
        let turn = Monitor(0)
        let other = try #require(
            SystemThread(name: "odd") {
                for step in 0..<500 { turn.wait(until: { $0 == 2 * step + 1 }) { $0 += 1 }; turn.update { _ in } }
            })
        for step in 0..<500 { turn.wait(until: { $0 == 2 * step }) { $0 += 1 }; turn.update { _ in } }
        other.join()
        #expect(turn.withLock { $0 } == 1000)
    }

    @Test("conditions wake their own waiters, one or all")
    func conditions() throws {
        struct State { var tickets = 0, woken = 0, isOpen = false }
        let state = Monitor(State()), ticket = Condition(), gate = Condition()
        let threads = try (0..<3).map { _ in
            try #require(
                SystemThread(name: "waiter") {
                    state.wait(on: ticket, until: { $0.tickets > 0 }) {
                        $0.tickets -= 1
                        $0.woken += 1
                    }
                    state.changed.wakeAll()
                    state.wait(on: gate, until: { $0.isOpen }) { $0.woken += 10 }
                })
        }
        for number in 1...3 {
            state.withLock { $0.tickets += 1 }
            ticket.wakeOne()
            state.wait(until: { $0.woken == number }) { #expect($0.tickets == 0) }
        }
        state.withLock { $0.isOpen = true }
        gate.wakeAll()
        for thread in threads { thread.join() }
        #expect(state.withLock { $0.woken } == 33)
    }

    @Test("waiting ends when the time is over, and before it when the state is ready")
    func time() throws {
        let state = Monitor(false)
        let start = MonotonicClock.seconds
        #expect(state.wait(atMost: .milliseconds(30), until: { $0 }) { $0 } == false)
        let waited = MonotonicClock.seconds - start
        #expect(waited >= 0.03)
        let thread = try #require(SystemThread(name: "setter") { state.update { $0 = true } })
        #expect(state.wait(atMost: .seconds(600), until: { $0 }) { $0 } == true)
        thread.join()
        // Ready already, with no time at all.
        #expect(state.wait(atMost: .zero, until: { $0 }) { $0 } == true)
    }

    @Test("an error of the body leaves the monitor unlocked")
    func throwing() {
        let state = Monitor(1)
        #expect(throws: HadalError(.io, "x")) { try state.wait(until: { $0 == 1 }) { _ in throw HadalError(.io, "x") } }
        #expect(throws: HadalError(.io, "x")) { try state.update { _ in throw HadalError(.io, "x") } }
        #expect(state.withLock { $0 } == 1)
    }
}
