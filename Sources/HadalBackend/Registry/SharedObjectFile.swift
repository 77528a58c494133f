#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import HadalCore

/// What an ELF shared library's headers say, read without loading it.
///
/// Source: System V ABI, chapters 4 and 5 (64-bit objects in the machine's own byte order).
struct SharedObjectFile {
    /// Names that the dynamic symbol table defines; nil when the file has no section headers to find it by.
    private let exported: Set<String>?

    /// - Throws: when the file is not a shared library for this machine, or ends before what its headers promise.
    init(path: String) throws {
        let place = SourcePlace(path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw HadalError(errno == ENOENT ? .notFound : .io, "cannot open: \(String(cString: strerror(errno)))", at: place)
        }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
            throw HadalError(.io, "not a regular file", at: place)
        }
        let reader = Reader(descriptor: descriptor, size: UInt64(max(0, info.st_size)), place: place)
        #if os(Linux)
            exported = try SharedObjectFile.check(reader)
        #else
            exported = nil
        #endif
    }

    /// Whether the library defines `symbol` for others; nil when that cannot be determined without loading it.
    func exports(_ symbol: String) -> Bool? { exported.map { $0.contains(symbol) } }

    // MARK: reading

    private struct Reader {
        let descriptor: Int32
        let size: UInt64
        let place: SourcePlace

        func truncated(_ what: String, _ end: UInt64?) -> HadalError {
            HadalError(
                .malformed,
                "truncated shared library: its \(what) ends at byte \(end.map(String.init) ?? "beyond 2^64"), the file has \(size)",
                at: place)
        }

        func check(_ what: String, offset: UInt64, count: UInt64) throws {
            let (end, overflow) = offset.addingReportingOverflow(count)
            guard !overflow, end <= size else { throw truncated(what, overflow ? nil : end) }
        }

        func bytes(_ what: String, offset: UInt64, count: UInt64) throws -> [UInt8] {
            try check(what, offset: offset, count: count)
            var result = [UInt8](repeating: 0, count: Int(count))
            let end = result.withUnsafeMutableBytes { buffer in
                buffer.baseAddress.map { SystemIO.read(descriptor, at: offset, into: $0, count: buffer.count) } ?? .complete
            }
            guard end == .complete else { throw HadalError(.io, "cannot read the \(what): \(end.reason)", at: place) }
            return result
        }
    }

    private static func load<T: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int, as type: T.Type) -> T {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
    }

    private static func check(_ reader: Reader) throws -> Set<String>? {
        guard reader.size >= 64 else { throw HadalError(.malformed, "not a shared library: it has \(reader.size) bytes", at: reader.place) }
        let header = try reader.bytes("header", offset: 0, count: 64)
        guard header[0..<4].elementsEqual([0x7F, 0x45, 0x4C, 0x46]) else {
            throw HadalError(.malformed, "not a shared library (no ELF header)", at: reader.place)
        }
        guard header[4] == 2, header[5] == (1.littleEndian == 1 ? 1 : 2) else {
            throw HadalError(
                .unsupported, "a shared library for another kind of machine (ELF class \(header[4]), byte order \(header[5]))",
                at: reader.place)
        }
        let (type, machine) = (load(header, 16, as: UInt16.self), load(header, 18, as: UInt16.self))
        guard type == 3 else { throw HadalError(.unsupported, "an ELF file of type \(type), not a shared library (3)", at: reader.place) }
        #if arch(x86_64)
            let own: UInt16? = 62
        #elseif arch(arm64)
            let own: UInt16? = 183
        #else
            let own: UInt16? = nil
        #endif
        if let own, machine != own {
            throw HadalError(
                .unsupported, "a shared library for another machine (ELF machine \(machine), this is \(own))", at: reader.place)
        }
        try checkSegments(reader, header)
        return try dynamicSymbols(reader, header)
    }

    private static func checkSegments(_ reader: Reader, _ header: [UInt8]) throws {
        let offset = load(header, 32, as: UInt64.self)
        let (entry, count) = (Int(load(header, 54, as: UInt16.self)), Int(load(header, 56, as: UInt16.self)))
        guard entry >= 56, count > 0 else { throw HadalError(.malformed, "a shared library without program headers", at: reader.place) }
        let table = try reader.bytes("program header table", offset: offset, count: UInt64(entry * count))
        for i in 0..<count {
            let base = i * entry
            // 1: loaded, 2: dynamic section. Others lie within the loaded ones.
            let type = load(table, base, as: UInt32.self)
            guard type == 1 || type == 2 else { continue }
            try reader.check(
                type == 1 ? "loaded segment" : "dynamic section", offset: load(table, base + 8, as: UInt64.self),
                count: load(table, base + 32, as: UInt64.self))
        }
    }

    private static func dynamicSymbols(_ reader: Reader, _ header: [UInt8]) throws -> Set<String>? {
        let offset = load(header, 40, as: UInt64.self)
        let (entry, count) = (Int(load(header, 58, as: UInt16.self)), Int(load(header, 60, as: UInt16.self)))
        guard offset != 0, count > 0 else { return nil }
        guard entry >= 64 else { throw HadalError(.malformed, "a shared library with section headers of \(entry) bytes", at: reader.place) }
        let table = try reader.bytes("section header table", offset: offset, count: UInt64(entry * count))
        func field(_ section: Int, _ at: Int) -> UInt64 { load(table, section * entry + at, as: UInt64.self) }
        // 11: the dynamic symbol table; its link is the section of its strings.
        guard let symbols = (0..<count).first(where: { load(table, $0 * entry + 4, as: UInt32.self) == 11 }) else { return nil }
        let strings = Int(load(table, symbols * entry + 40, as: UInt32.self))
        guard strings < count, (24...4096).contains(field(symbols, 56)) else { return nil }
        // Bounds what a hostile file makes us read.
        guard field(symbols, 32) <= 256 << 20, field(strings, 32) <= 256 << 20 else { return nil }
        let symbolBytes = try reader.bytes("dynamic symbol table", offset: field(symbols, 24), count: field(symbols, 32))
        let stringBytes = try reader.bytes("dynamic string table", offset: field(strings, 24), count: field(strings, 32))
        let stride = Int(clamping: field(symbols, 56))
        var names: Set<String> = []
        var at = 0
        while at <= symbolBytes.count - 24 {
            defer { at += stride }
            // Undefined symbols are what the library wants from others.
            guard load(symbolBytes, at + 6, as: UInt16.self) != 0 else { continue }
            let name = Int(load(symbolBytes, at, as: UInt32.self))
            guard name < stringBytes.count, let end = stringBytes[name...].firstIndex(of: 0) else { continue }
            if stringBytes[name..<end].starts(with: "hadal_".utf8) {
                names.insert(String(decoding: stringBytes[name..<end], as: UTF8.self))
            }
        }
        return names
    }
}
