import CCrypto
import HadalCore

/// AES-256-GCM (NIST SP 800-38D), computed by the system's libcrypto.
///
/// No two texts may be encrypted with the same key and the same nonce: who calls draws the nonce at random or counts it.
///
/// One thread at a time.
package final class AuthenticatedCipher {
    package static let keyBytes = 32
    package static let nonceBytes = 12
    package static let tagBytes = 16

    private let context: OpaquePointer

    /// - Throws: `unsupported` where libcrypto lacks the algorithm.
    package init() throws {
        guard let context = EVP_CIPHER_CTX_new() else { throw Self.unsupported }
        guard EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, nil, nil, 1) == 1 else {
            EVP_CIPHER_CTX_free(context)
            throw Self.unsupported
        }
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    private static var unsupported: HadalError { HadalError(.unsupported, "the system's libcrypto cannot compute AES-256-GCM") }

    /// Encrypts bytes in place and gives their tag, 16 bytes; nil when libcrypto fails.
    ///
    /// - Parameters:
    ///   - key: 32 bytes.
    ///   - nonce: 12 bytes.
    ///   - associated: what the tag protects as well and the bytes do not hold.
    package func encrypt(
        _ bytes: UnsafeMutableRawBufferPointer, key: [UInt8], nonce: [UInt8], associated: UnsafeRawBufferPointer? = nil
    ) -> [UInt8]? {
        var tag = [UInt8](repeating: 0, count: Self.tagBytes)
        guard crypt(bytes, key, nonce, associated, encrypts: true), finish(),
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), &tag) == 1
        else { return nil }
        return tag
    }

    /// Decrypts bytes in place. False: bytes, tag, key, nonce and associated bytes do not belong together, and the bytes mean nothing.
    package func decrypt(
        _ bytes: UnsafeMutableRawBufferPointer, tag: UnsafeMutableRawBufferPointer, key: [UInt8], nonce: [UInt8],
        associated: UnsafeRawBufferPointer? = nil
    ) -> Bool {
        tag.count == Self.tagBytes && crypt(bytes, key, nonce, associated, encrypts: false)
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), tag.baseAddress) == 1 && finish()
    }

    private func crypt(
        _ bytes: UnsafeMutableRawBufferPointer, _ key: [UInt8], _ nonce: [UInt8], _ associated: UnsafeRawBufferPointer?, encrypts: Bool
    ) -> Bool {
        guard key.count == Self.keyBytes, nonce.count == Self.nonceBytes,
            EVP_CipherInit_ex(context, nil, nil, key, nonce, encrypts ? 1 : 0) == 1
        else { return false }
        return update(nil, associated) && update(bytes.baseAddress, UnsafeRawBufferPointer(bytes))
    }

    /// - Parameter output: nil: the input is only protected.
    private func update(_ output: UnsafeMutableRawPointer?, _ input: UnsafeRawBufferPointer?) -> Bool {
        guard let input, !input.isEmpty else { return true }
        guard let count = Int32(exactly: input.count) else { return false }
        var written: Int32 = 0
        return EVP_CipherUpdate(
            context, output?.assumingMemoryBound(to: UInt8.self), &written, input.bindMemory(to: UInt8.self).baseAddress, count) == 1
    }

    private func finish() -> Bool {
        var (rest, written) = ([UInt8](repeating: 0, count: Self.tagBytes), Int32(0))
        return EVP_CipherFinal_ex(context, &rest, &written) == 1
    }
}
