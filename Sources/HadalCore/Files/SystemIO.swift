#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reading and writing through open descriptors, whole, however the system cuts the work up or interrupts it.
package enum SystemIO {
    /// How an exact read ended.
    package enum ReadEnd: Equatable, Sendable {
        case complete
        /// The file ends before.
        case endOfFile
        /// The error number.
        case failed(Int32)

        /// Why the bytes are not there.
        package var reason: String {
            switch self {
            case .complete: "nothing failed"
            case .endOfFile: "the file ends before"
            case .failed(let number): String(cString: strerror(number))
            }
        }
    }

    /// Reads at an offset, without moving the descriptor's own.
    ///
    /// - Parameters:
    ///   - needed: bytes that have to be there; reading stops once they are. nil: all `count`. Reads past the page cache are given whole blocks
    ///     to fill, of which the last may lie beyond the end.
    package static func read(
        _ descriptor: Int32, at offset: UInt64, into buffer: UnsafeMutableRawPointer, count: Int, needed: Int? = nil
    ) -> ReadEnd {
        guard let start = off_t(exactly: offset) else { return .endOfFile }
        let needed = needed ?? count
        var done = 0
        while done < needed {
            let got = pread(descriptor, buffer + done, count - done, start + off_t(done))
            if got < 0 {
                if errno == EINTR { continue }
                return .failed(errno)
            }
            if got == 0 { return .endOfFile }
            done += got
        }
        return .complete
    }

    /// Reads what comes next, some of it. Returns the number of bytes, 0 at the end, -1 with errno set.
    package static func readSome(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        while true {
            #if canImport(Glibc)
                let got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #else
                let got = Darwin.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
            if got >= 0 || errno != EINTR { return got }
        }
    }

    /// Reads until the end, or until there are `limit` bytes; nil when that fails.
    package static func readAll(_ descriptor: Int32, limit: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, min(limit, 256 << 10)), alignment: 16)
        defer { piece.deallocate() }
        while bytes.count < limit {
            let got = readSome(descriptor, into: UnsafeMutableRawBufferPointer(rebasing: piece[..<min(piece.count, limit - bytes.count)]))
            if got < 0 { return nil }
            if got == 0 { break }
            bytes.append(contentsOf: piece[..<got])
        }
        return bytes
    }

    /// Writes all of a buffer. False with errno set.
    package static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            #if canImport(Glibc)
                let put = Glibc.write(descriptor, rest.baseAddress, rest.count)
            #else
                let put = Darwin.write(descriptor, rest.baseAddress, rest.count)
            #endif
            if put < 0 {
                if errno == EINTR { continue }
                return false
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[put...])
        }
        return true
    }
}
