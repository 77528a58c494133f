import HadalCore

/// Small pieces of data as they are stored encrypted: nonce (12 bytes, random), what AES-256-GCM makes of them, tag (16 bytes).
///
/// Random nonces allow 2^32 pieces with one key (NIST SP 800-38D, 8.3). Any thread.
package enum SealedText {
    /// By how much a piece grows.
    package static let overhead = AuthenticatedCipher.nonceBytes + AuthenticatedCipher.tagBytes

    /// - Parameters:
    ///   - key: 32 bytes.
    ///   - associated: where the piece belongs. It opens only with the same.
    /// - Throws: `unsupported` where libcrypto lacks the algorithm, `invalidArgument` for a piece that is too large for it.
    package static func seal(_ piece: [UInt8], key: [UInt8], associated: [UInt8]) throws -> [UInt8] {
        let nonce = RandomBytes.make(AuthenticatedCipher.nonceBytes)
        var bytes = piece
        let cipher = try AuthenticatedCipher()
        let tag = bytes.withUnsafeMutableBytes { bytes in
            associated.withUnsafeBytes { cipher.encrypt(bytes, key: key, nonce: nonce, associated: $0) }
        }
        guard let tag else { throw HadalError(.invalidArgument, "\(piece.count) bytes cannot be encrypted") }
        return nonce + bytes + tag
    }

    /// - Throws: `corrupt` where `sealed` is not what `seal` made with this key for this place.
    package static func open(_ sealed: [UInt8], key: [UInt8], associated: [UInt8]) throws -> [UInt8] {
        guard sealed.count >= overhead else { throw damaged }
        let nonce = Array(sealed.prefix(AuthenticatedCipher.nonceBytes))
        var bytes = Array(sealed[nonce.count..<sealed.count - AuthenticatedCipher.tagBytes])
        var tag = Array(sealed.suffix(AuthenticatedCipher.tagBytes))
        let cipher = try AuthenticatedCipher()
        let isGenuine = bytes.withUnsafeMutableBytes { bytes in
            tag.withUnsafeMutableBytes { tag in
                associated.withUnsafeBytes { cipher.decrypt(bytes, tag: tag, key: key, nonce: nonce, associated: $0) }
            }
        }
        guard isGenuine else { throw damaged }
        return bytes
    }

    private static var damaged: HadalError { HadalError(.corrupt, "encrypted data is damaged, or was encrypted with another key") }
}
