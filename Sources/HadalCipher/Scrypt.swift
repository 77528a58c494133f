import CCrypto
import HadalCore

/// How a key is made from a passphrase (scrypt, RFC 7914), computed by the system's libcrypto.
///
/// The higher its cost, the longer each guess takes for whoever has the file. A value; any thread.
package struct Scrypt: Sendable, Equatable {
    /// A power of two. A key takes 128 × `blocks` × `cost` bytes of memory.
    package var cost: Int
    /// RFC 7914 calls it r.
    package var blocks: Int
    /// RFC 7914 calls it p.
    package var lanes: Int

    /// 128 MiB, a third of a second to a second.
    package static let standard = Scrypt(cost: 1 << 17, blocks: 8, lanes: 1)
    /// Files are untrusted: none may ask for more memory than this.
    private static let largestMemory = 1 << 30

    package init(cost: Int, blocks: Int, lanes: Int) {
        self.cost = cost
        self.blocks = blocks
        self.lanes = lanes
    }

    /// Whether the numbers are within what is computed: what a file says has to be checked.
    package var isReasonable: Bool {
        (2...(1 << 22)).contains(cost) && cost & (cost - 1) == 0 && (1...64).contains(blocks) && (1...16).contains(lanes)
            && 128 * blocks * cost <= Self.largestMemory
    }

    /// 32 bytes. Takes as long as the cost makes it.
    ///
    /// - Parameters:
    ///   - passphrase: its bytes as they are.
    ///   - salt: 16 bytes or more, random.
    /// - Throws: `unsupported` for numbers out of bounds, `outOfMemory` where libcrypto cannot compute it.
    package func key(passphrase: [UInt8], salt: [UInt8]) throws -> [UInt8] {
        guard isReasonable else {
            throw HadalError(.unsupported, "scrypt with N = \(cost), r = \(blocks), p = \(lanes) is out of bounds")
        }
        var key = [UInt8](repeating: 0, count: AuthenticatedCipher.keyBytes)
        let password = passphrase.map { CChar(bitPattern: $0) }
        // libcrypto refuses above 32 MiB where no limit is given. It counts a little more than the block itself.
        let limit = 128 * blocks * (cost + lanes + 2) + (1 << 20)
        let succeeded = EVP_PBE_scrypt(
            password, password.count, salt, salt.count, UInt64(cost), UInt64(blocks), UInt64(lanes), UInt64(limit), &key, key.count)
        guard succeeded == 1 else {
            throw HadalError(.outOfMemory, "libcrypto cannot compute scrypt: it takes \(limit >> 20) MiB of memory")
        }
        return key
    }
}
