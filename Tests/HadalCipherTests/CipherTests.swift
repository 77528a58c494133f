import HadalCipher
import HadalCore
import TestSupport
import Testing

@Suite("AES-256-GCM and scrypt")
struct CipherTests {
    private let key = (0..<32).map { UInt8($0) }

    @Test("a test vector of the paper that defines GCM (test case 14)")
    func vector() throws {
        var bytes = [UInt8](repeating: 0, count: 16)
        let cipher = try AuthenticatedCipher()
        let tag = bytes.withUnsafeMutableBytes {
            cipher.encrypt($0, key: [UInt8](repeating: 0, count: 32), nonce: [UInt8](repeating: 0, count: 12))
        }
        #expect(bytes.hexadecimal == "cea7403d4d606b6e074ec5d3baf39d18")
        #expect(tag?.hexadecimal == "d0d1c8a799996bf0265b98b5d48ab919")
    }

    @Test("a sealed piece opens where it was sealed, and nowhere else", arguments: [0, 1, 15, 16, 1000])
    func places(_ count: Int) throws {
        let piece = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let sealed = try SealedText.seal(piece, key: key, associated: [1, 2])
        #expect(sealed.count == count + SealedText.overhead)
        #expect(try SealedText.open(sealed, key: key, associated: [1, 2]) == piece)
        expectError(.corrupt) { try SealedText.open(sealed, key: key, associated: [1, 3]) }
        expectError(.corrupt) { try SealedText.open(sealed, key: Array(key.reversed()), associated: [1, 2]) }
        for at in sealed.indices {
            var changed = sealed
            changed[at] ^= 1
            expectError(.corrupt) { try SealedText.open(changed, key: key, associated: [1, 2]) }
        }
        for count in [0, 5, SealedText.overhead - 1, sealed.count - 1] {
            expectError(.corrupt) { try SealedText.open(Array(sealed.prefix(count)), key: key, associated: [1, 2]) }
        }
    }

    @Test("equal pieces are sealed differently")
    func nonces() throws {
        let pieces = try (0..<100).map { _ in try SealedText.seal([7], key: key, associated: []) }
        #expect(Set(pieces).count == 100)
    }

    @Test("a test vector of RFC 7914")
    func scrypt() throws {
        let key = try Scrypt(cost: 1024, blocks: 8, lanes: 16).key(passphrase: Array("password".utf8), salt: Array("NaCl".utf8))
        #expect(key.hexadecimal == "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162")
    }

    @Test("the standard cost is computed, one that a file makes up is refused")
    func bounds() throws {
        #expect(try Scrypt.standard.key(passphrase: [], salt: [1]).count == 32)
        let others = [
            Scrypt(cost: 1 << 40, blocks: 8, lanes: 1), Scrypt(cost: 3, blocks: 8, lanes: 1), Scrypt(cost: 1 << 22, blocks: 64, lanes: 1),
            Scrypt(cost: 1024, blocks: 0, lanes: 1), Scrypt(cost: 1024, blocks: 8, lanes: 17), Scrypt(cost: -2, blocks: 8, lanes: 1),
        ]
        for other in others { expectError(.unsupported, "scrypt") { try other.key(passphrase: [1], salt: [1]) } }
    }
}
