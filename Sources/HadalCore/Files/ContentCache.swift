#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Files that hold what was made from something else, each named by a hash of all that went into it.
///
/// An entry is its content followed by a hash of it: one that was cut short or changed is not an entry, and is made again. Entries are written beside
/// their place and renamed into it, so that no reader sees half of one. Any of them may be deleted at any time.
///
/// Thread safety: any thread, any number of processes.
package struct ContentCache: Sendable {
    package let directory: String
    /// What every entry ends with, after the hash.
    private static let mark = Array("hadalc01".utf8)
    private static let footer = 32 + mark.count
    /// No entry is larger.
    package static let largest = 256 << 20

    package init(directory: String) { self.directory = directory }

    /// `hadal/NAME` in the user's cache directory: `$XDG_CACHE_HOME`, or `~/.cache`; nil when neither is known.
    package static func standardDirectory(_ name: String) -> String? {
        func variable(_ key: String) -> String? {
            guard let value = getenv(key) else { return nil }
            let text = String(cString: value)
            // A relative one is to be ignored (XDG base directory specification).
            return text.hasPrefix("/") ? text : nil
        }
        if let cache = variable("XDG_CACHE_HOME") { return "\(cache)/hadal/\(name)" }
        return variable("HOME").map { "\($0)/.cache/hadal/\(name)" }
    }

    package func path(_ key: String) -> String { "\(directory)/\(key)" }

    /// The content of an entry, checked; nil when there is none, or none that can be trusted.
    package func content(_ key: String) -> [UInt8]? {
        guard let bytes = WholeFile.read(path(key), limit: Self.largest), bytes.count >= Self.footer,
            bytes.suffix(Self.mark.count) == Self.mark[...]
        else { return nil }
        let content = Array(bytes[..<(bytes.count - Self.footer)])
        return bytes[content.count..<(content.count + 32)].elementsEqual(SHA256.hash(content)) ? content : nil
    }

    /// Makes or replaces an entry.
    ///
    /// - Throws: `io`. Nothing depends on an entry being there, so a caller may go on.
    package func store(_ key: String, _ content: [UInt8]) throws {
        guard content.count <= Self.largest else { throw HadalError(.limitExceeded, "\(content.count) bytes are too many for the cache") }
        try WholeFile.write(content + SHA256.hash(content) + Self.mark, to: path(key))
    }
}
