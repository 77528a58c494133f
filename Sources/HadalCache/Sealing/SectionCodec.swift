import CCrypto
import HadalCore

/// Protects the sections of files: section 0 is a file's header, those after it are its pieces.
///
/// Sealed sections are encrypted with AES-256-GCM (NIST SP 800-38D), of the others Poly1305 (RFC 8439) makes a checksum. A file has a key of its
/// own, so that the number of a section is nonce enough. Both are computed by the system's libcrypto.
///
/// One thread at a time.
final class SectionCodec {
    /// Of what stands behind each section.
    static let tagBytes = 16

    private let isSealed: Bool
    private let context: OpaquePointer
    private var key = [UInt8](repeating: 0, count: SealingKeys.keyBytes)

    /// - Throws: `unsupported` where libcrypto lacks the algorithm.
    init(sealed: Bool) throws {
        isSealed = sealed
        guard let context = sealed ? Self.cipher() : Self.checksum() else {
            throw HadalError(.unsupported, "the system's libcrypto cannot compute \(sealed ? "AES-256-GCM" : "Poly1305")")
        }
        self.context = context
    }

    deinit { if isSealed { EVP_CIPHER_CTX_free(context) } else { EVP_MAC_CTX_free(context) } }

    private static func cipher() -> OpaquePointer? {
        guard let context = EVP_CIPHER_CTX_new() else { return nil }
        if EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, nil, nil, 1) == 1 { return context }
        EVP_CIPHER_CTX_free(context)
        return nil
    }

    private static func checksum() -> OpaquePointer? {
        guard let algorithm = EVP_MAC_fetch(nil, "POLY1305", nil) else { return nil }
        defer { EVP_MAC_free(algorithm) }
        return EVP_MAC_CTX_new(algorithm)
    }

    /// Protects a section in place and gives its tag; nil when libcrypto fails.
    ///
    /// - Parameters:
    ///   - key: the file's, 32 bytes.
    ///   - associated: what the tag protects as well and the section does not hold.
    func seal(
        _ bytes: UnsafeMutableRawBufferPointer, section: Int, of key: [UInt8], associated: UnsafeRawBufferPointer? = nil
    ) -> [UInt8]? {
        guard isSealed else { return checksum(UnsafeRawBufferPointer(bytes), section, key, associated) }
        var tag = [UInt8](repeating: 0, count: Self.tagBytes)
        guard crypt(bytes, section, key, associated, encrypts: true), finish(),
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tag.count), &tag) == 1
        else { return nil }
        return tag
    }

    /// Checks a section and makes it in place what it was before `seal`. False: it is not what was protected.
    ///
    /// - Parameter tag: 16 bytes.
    func open(
        _ bytes: UnsafeMutableRawBufferPointer, tag: UnsafeMutableRawBufferPointer, section: Int, of key: [UInt8],
        associated: UnsafeRawBufferPointer? = nil
    ) -> Bool {
        guard isSealed else {
            let found = checksum(UnsafeRawBufferPointer(bytes), section, key, associated)
            return found?.elementsEqual(tag) ?? false
        }
        return crypt(bytes, section, key, associated, encrypts: false)
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), tag.baseAddress) == 1 && finish()
    }

    private func crypt(
        _ bytes: UnsafeMutableRawBufferPointer, _ section: Int, _ key: [UInt8], _ associated: UnsafeRawBufferPointer?, encrypts: Bool
    ) -> Bool {
        let nonce = [UInt8](repeating: 0, count: 4) + withUnsafeBytes(of: UInt64(section).littleEndian, Array.init)
        guard EVP_CipherInit_ex(context, nil, nil, key, nonce, encrypts ? 1 : 0) == 1 else { return false }
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

    private func checksum(_ bytes: UnsafeRawBufferPointer, _ section: Int, _ key: [UInt8], _ associated: UnsafeRawBufferPointer?)
        -> [UInt8]?
    {
        var tag = [UInt8](repeating: 0, count: Self.tagBytes)
        var count = 0
        guard EVP_MAC_init(context, key, key.count, nil) == 1, add(associated), add(bytes),
            withUnsafeBytes(of: UInt64(section).littleEndian, add), EVP_MAC_final(context, &tag, &count, tag.count) == 1
        else { return nil }
        return tag
    }

    private func add(_ bytes: UnsafeRawBufferPointer?) -> Bool {
        guard let bytes, !bytes.isEmpty else { return true }
        return EVP_MAC_update(context, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count) == 1
    }
}
