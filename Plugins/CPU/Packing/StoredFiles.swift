import CHadalSystem
import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads ranges of the files that weights are stored in, through the page cache or past it.
///
/// Not thread-safe.
final class StoredFiles {
    /// Read past the page cache what is not in it.
    var isPast: Bool
    /// Descriptors past the page cache, by those that they stand for; nil where the system has none.
    private var direct: [Int32: Int32?] = [:]

    init(past: Bool) { isPast = past }

    deinit { for case let own? in direct.values { close(own) } }

    /// Reads a range to `skip` bytes after `buffer`, which has room for its span and is aligned as its blocks are.
    func read(_ range: PackingBatch.Read, to buffer: UnsafeMutableRawPointer) -> SystemIO.ReadEnd {
        if isPast, let own = past(range.descriptor), !Self.isCached(range) {
            let end = SystemIO.read(
                own, at: range.offset - UInt64(range.skip), into: buffer, count: range.span, needed: range.skip + range.count)
            // Some file systems open such a descriptor and then refuse to read.
            if end != .failed(EINVAL) { return end }
            direct[range.descriptor] = .some(nil)
            close(own)
        }
        return SystemIO.read(range.descriptor, at: range.offset, into: buffer + range.skip, count: range.count)
    }

    private func past(_ descriptor: Int32) -> Int32? {
        if let known = direct[descriptor] { return known }
        let own = hadal_system_open_direct(descriptor)
        direct[descriptor] = .some(own >= 0 ? own : nil)
        return own >= 0 ? own : nil
    }

    /// Whether most of a range is in the page cache; also where the system does not tell.
    private static func isCached(_ range: PackingBatch.Read) -> Bool {
        let page = max(1, Int(sysconf(Int32(_SC_PAGESIZE))))
        let skip = Int(range.offset % UInt64(page)), pages = (skip + range.count + page - 1) / page
        guard let window = mmap(nil, pages * page, PROT_READ, MAP_SHARED, range.descriptor, off_t(range.offset) - off_t(skip)),
            window != MAP_FAILED
        else { return true }
        defer { munmap(window, pages * page) }
        var resident = [UInt8](repeating: 0, count: pages)
        guard mincore(window, pages * page, &resident) == 0 else { return true }
        return resident.reduce(0) { $0 + Int($1 & 1) } * 8 >= pages * 7
    }
}
