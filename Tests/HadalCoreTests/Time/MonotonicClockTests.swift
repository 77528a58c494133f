import Foundation
import HadalCore
import Testing

@Suite("Time") struct MonotonicClockTests {
    @Test("the clock goes on with the time that passes, in both units")
    func clock() {
        let start = MonotonicClock.nanoseconds, seconds = MonotonicClock.seconds
        usleep(20_000)
        let passed = MonotonicClock.nanoseconds - start
        // A busy machine may take long to come back, but not for ever.
        #expect(passed >= 20_000_000 && passed < 60_000_000_000)
        let inSeconds = MonotonicClock.seconds - seconds
        #expect(inSeconds >= 0.02 && inSeconds < 60)
    }

    @Test(
        "durations in seconds",
        arguments: [
            (Duration.seconds(3), 3.0), (.milliseconds(1500), 1.5), (.nanoseconds(-500_000_000), -0.5), (.zero, 0),
            (.seconds(1 << 40), 1_099_511_627_776),
        ])
    func seconds(duration: Duration, seconds: Double) { #expect(duration.seconds == seconds) }
}
