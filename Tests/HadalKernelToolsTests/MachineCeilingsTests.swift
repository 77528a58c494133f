import HadalKernelTools
import Testing

@Suite struct MachineCeilingsTests {
    @Test func ceilingsArePlausible() throws {
        let one = try MachineCeilings.measure(threads: 1, bytes: 32 << 20, seconds: 0.02)
        #expect(one.threads == 1)
        #expect(one.readBandwidth > 1e7 && one.readBandwidth < 1e13)
        #expect(one.floatOperations > 1e7 && one.floatOperations < 1e13)
        #expect(one.int8Operations > 1e7 && one.int8Operations < 1e14)
        let two = try MachineCeilings.measure(threads: 2, bytes: 16 << 20, seconds: 0.02)
        #expect(two.threads == 2)
    }
}
