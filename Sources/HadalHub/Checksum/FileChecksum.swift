import CCrypto
import HadalCore

/// A running SHA-256 (FIPS 180-4) of files of any size, computed by the system's libcrypto, which uses the processor's own instructions for it.
/// For small things, and where libcrypto is not to be needed, there is `SHA256`.
///
/// Not for use from two threads at once.
final class FileChecksum {
    private let context: OpaquePointer

    init() throws {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            throw HadalError(.unsupported, "the system's libcrypto cannot compute SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    func update(_ bytes: UnsafeRawBufferPointer) throws {
        guard bytes.isEmpty || EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
            throw HadalError(.unsupported, "libcrypto failed to compute SHA-256")
        }
    }

    /// 64 lower-case hexadecimal digits; the object is used up.
    func finish() throws -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else {
            throw HadalError(.unsupported, "libcrypto failed to compute SHA-256")
        }
        return digest.hexadecimal
    }
}

extension FileChecksum {
    /// The checksum of a whole file, read through a buffer of 1 MiB.
    ///
    /// - Parameter progress: called with the bytes read so far.
    /// - Throws: `notFound`, `io`; `cancelled` when the calling task is.
    static func ofFile(_ path: String, progress: ((Int) -> Void)? = nil) throws -> String {
        let hash = try FileChecksum()
        try FileBytes.read(path, limit: .max) { piece, done in
            try hash.update(piece)
            progress?(done)
        }
        return try hash.finish()
    }
}
