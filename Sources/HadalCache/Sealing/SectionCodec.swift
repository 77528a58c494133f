import CCrypto
import HadalCipher
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

    /// One of the two.
    private let cipher: AuthenticatedCipher?
    private let context: OpaquePointer?

    /// - Throws: `unsupported` where libcrypto lacks the algorithm.
    init(sealed: Bool) throws {
        cipher = sealed ? try AuthenticatedCipher() : nil
        context = sealed ? nil : Self.checksum()
        guard sealed || context != nil else { throw HadalError(.unsupported, "the system's libcrypto cannot compute Poly1305") }
    }

    deinit { if let context { EVP_MAC_CTX_free(context) } }

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
        guard let cipher else { return checksum(UnsafeRawBufferPointer(bytes), section, key, associated) }
        return cipher.encrypt(bytes, key: key, nonce: Self.nonce(section), associated: associated)
    }

    /// Checks a section and makes it in place what it was before `seal`. False: it is not what was protected.
    ///
    /// - Parameter tag: 16 bytes.
    func open(
        _ bytes: UnsafeMutableRawBufferPointer, tag: UnsafeMutableRawBufferPointer, section: Int, of key: [UInt8],
        associated: UnsafeRawBufferPointer? = nil
    ) -> Bool {
        guard let cipher else {
            let found = checksum(UnsafeRawBufferPointer(bytes), section, key, associated)
            return found?.elementsEqual(tag) ?? false
        }
        return cipher.decrypt(bytes, tag: tag, key: key, nonce: Self.nonce(section), associated: associated)
    }

    private static func nonce(_ section: Int) -> [UInt8] {
        [UInt8](repeating: 0, count: 4) + withUnsafeBytes(of: UInt64(section).littleEndian, Array.init)
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
