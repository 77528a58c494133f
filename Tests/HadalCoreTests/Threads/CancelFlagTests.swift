import HadalCore
import Testing

@Suite("Cancel flags") struct CancelFlagTests {
    @Test("a flag and the word at its address are one")
    func address() {
        let flag = CancelFlag()
        #expect(!flag.isSet && flag.address.pointee == 0 && !CancelFlag.isSet(flag.address))
        flag.set()
        #expect(flag.isSet && flag.address.pointee != 0 && CancelFlag.isSet(flag.address))
        flag.clear()
        #expect(!flag.isSet && flag.address.pointee == 0 && !CancelFlag.isSet(flag.address))
        #expect(!CancelFlag.isSet(nil))
    }

    @Test("any number that is not 0 sets a word of the other side", arguments: [UInt32(1), 2, 256, .max])
    func foreign(word: UInt32) { withUnsafePointer(to: word) { #expect(CancelFlag.isSet($0)) } }

    /// A loop that may keep the word in a register never ends.
    @Test("a thread that only looks at the flag sees it set")
    func threads() throws {
        let flag = CancelFlag()
        let thread = try #require(SystemThread(name: "looker") { while !CancelFlag.isSet(flag.address) {} })
        flag.set()
        thread.join()
    }
}
