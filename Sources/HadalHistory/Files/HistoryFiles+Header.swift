import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension HistoryFiles {
    /// The header of the passphrase that stands beside the database; nil: none.
    ///
    /// - Throws: `malformed` or `unsupported` for a file that is not one.
    func header() throws -> SealHeader? {
        try WholeFile.read(passphrase, limit: 1 << 16).map {
            try SealHeader(parsing: String(decoding: $0, as: UTF8.self), file: passphrase)
        }
    }

    /// Has the file beside the database say what the database says.
    ///
    /// - Throws: `io`.
    func keepHeader(_ seal: SealHeader?) throws {
        guard let seal else {
            guard unlink(passphrase) == 0 || errno == ENOENT else {
                throw HadalError(.io, "cannot remove: \(String(cString: strerror(errno)))", at: SourcePlace(passphrase))
            }
            return
        }
        if let known = try? header(), known == seal { return }
        try WholeFile.write(Array(seal.json.text().utf8), to: passphrase, durable: true)
    }
}
