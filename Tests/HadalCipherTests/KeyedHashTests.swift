import HadalCore
import Testing

@testable import HadalCipher

@Suite("Keyed hashes")
struct KeyedHashTests {
    @Test("test vectors of RFC 4231")
    func vectors() {
        #expect(
            KeyedHash(key: [UInt8](repeating: 0x0B, count: 20))(Array("Hi There".utf8)).hexadecimal
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            KeyedHash(key: Array("Jefe".utf8))(Array("what do ya want for nothing?".utf8)).hexadecimal
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            KeyedHash(key: [UInt8](repeating: 0xAA, count: 20))([UInt8](repeating: 0xDD, count: 50)).hexadecimal
                == "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe")
    }
}
