/// A parsed JSON text that can say where each of its values stands.
public struct JSONDocument: Sendable {
    public let file: String
    public let root: JSON
    private let lineStarts: [Int]

    /// Parses UTF-8 JSON (RFC 8259). `file` names the source in errors.
    ///
    /// - Parameter rejectDuplicateKeys: an object that names a key twice is an error; otherwise the last one counts.
    /// - Throws: `HadalError.malformed` with line and column. Nesting deeper than 256 levels is `limitExceeded`.
    public init(
        parsing bytes: UnsafeRawBufferPointer, file: String, rejectDuplicateKeys: Bool = false
    ) throws {
        var parser = JSONParser(bytes: bytes, file: file, rejectDuplicateKeys: rejectDuplicateKeys)
        root = try parser.parseDocument()
        self.file = file
        lineStarts = JSONDocument.lineStarts(of: bytes)
    }

    public init(parsing text: String, file: String, rejectDuplicateKeys: Bool = false) throws {
        let bytes = Array(text.utf8)
        self = try bytes.withUnsafeBytes { try JSONDocument(parsing: $0, file: file, rejectDuplicateKeys: rejectDuplicateKeys) }
    }

    public init(contentsOf path: String, rejectDuplicateKeys: Bool = false) throws {
        let file = try MappedFile(path: path)
        self = try JSONDocument(parsing: file.bytes, file: path, rejectDuplicateKeys: rejectDuplicateKeys)
    }

    /// Line and column of a byte offset.
    public func place(at offset: Int) -> Place {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return Place(file, .text(line: low + 1, column: offset - lineStarts[low] + 1))
    }

    public func place(of value: JSON) -> Place { place(at: value.offset) }

    static func lineStarts(of bytes: UnsafeRawBufferPointer) -> [Int] {
        var starts = [0]
        for (i, byte) in bytes.enumerated() where byte == 0x0A { starts.append(i + 1) }
        return starts
    }
}
