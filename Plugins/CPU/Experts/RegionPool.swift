#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Memory for experts, within a limit. Regions of one size are reused as they are.
///
/// Not thread-safe.
struct RegionPool {
    /// Bytes that may be mapped. Falls when the system refuses more.
    private(set) var limit: Int
    /// Bytes that are mapped, free regions included.
    private(set) var mapped = 0
    private var free: [(pointer: UnsafeMutableRawPointer, bytes: Int)] = []
    private let usesHugePages: Bool

    init(limit: Int, usesHugePages: Bool) {
        self.limit = limit
        self.usesHugePages = usesHugePages
    }

    /// A region of `bytes`, or nil when others have to give theirs back first.
    mutating func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
        if let at = free.lastIndex(where: { $0.bytes == bytes }) { return free.remove(at: at).pointer }
        while mapped + bytes > limit, let other = free.popLast() {
            munmap(other.pointer, other.bytes)
            mapped -= other.bytes
        }
        guard mapped + bytes <= limit else { return nil }
        guard let made = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), made != MAP_FAILED else {
            // Whoever limits this process allows less than was asked for: go on with what there is.
            limit = mapped
            return nil
        }
        #if os(Linux)
            if usesHugePages, bytes >= 4 << 20 { madvise(made, bytes, MADV_HUGEPAGE) }
        #endif
        mapped += bytes
        return made
    }

    mutating func give(_ pointer: UnsafeMutableRawPointer, _ bytes: Int) { free.append((pointer, bytes)) }

    /// Unmaps what is free.
    mutating func trim() {
        for region in free {
            munmap(region.pointer, region.bytes)
            mapped -= region.bytes
        }
        free.removeAll(keepingCapacity: true)
    }
}
