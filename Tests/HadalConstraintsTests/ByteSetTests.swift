import HadalConstraints
import Testing

@Suite("Byte sets")
struct ByteSetTests {
    @Test func membersAndComplement() {
        let digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))
        #expect(digits.contains(UInt8(ascii: "5")) && !digits.contains(UInt8(ascii: "a")))
        #expect(digits.complement.contains(255) && digits.intersection(digits.complement).isEmpty)
        #expect(digits.union(digits.complement) == .all)
    }
}
