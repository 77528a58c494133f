/// A parsed JSON text that can say where each of its values stands.
package struct JSONDocument: Sendable {
    package let file: String
    package private(set) var root: JSON
    private let lineStarts: [Int]
    /// The documents that a merged one was made of; empty for one that was parsed.
    private var parts: [JSONDocument]
    /// Offsets of part i start at i << 40.
    private static let partShift = 40

    /// Parses UTF-8 JSON (RFC 8259). `file` names the source in errors.
    ///
    /// - Parameter rejectDuplicateKeys: an object that names a key twice is an error; otherwise the last one counts.
    /// - Throws: `HadalError.malformed` with line and column. Nesting deeper than 256 levels is `limitExceeded`.
    package init(
        parsing bytes: UnsafeRawBufferPointer, file: String, rejectDuplicateKeys: Bool = false
    ) throws {
        var parser = JSONParser(bytes: bytes, file: file, rejectDuplicateKeys: rejectDuplicateKeys)
        root = try parser.parseDocument()
        self.file = file
        lineStarts = JSONDocument.lineStarts(of: bytes)
        parts = []
    }

    /// A document of values made in memory. Its places name the file alone.
    package init(root: JSON, file: String) {
        self.root = root
        self.file = file
        lineStarts = []
        parts = []
    }

    /// Applies documents to each other in order, each as a merge patch (RFC 7396) on the result so far.
    ///
    /// A place of the result names the file that its value came from. The last document names the whole.
    package init(merging documents: [JSONDocument]) {
        var root = JSON(.object(JSONObject()))
        for (i, document) in documents.enumerated() {
            root = root.mergePatched(with: document.root.shifted(by: i << Self.partShift))
        }
        // The whole stands where the last document begins.
        let last = max(documents.count - 1, 0)
        self.root = JSON(root.value, offset: last << Self.partShift + (documents.last?.root.offset ?? 0))
        file = documents.last?.file ?? ""
        lineStarts = []
        parts = documents
    }

    /// The document with another root, made of values of its own: places still hold.
    package func replacing(root: JSON) -> JSONDocument {
        var copy = self
        copy.root = root
        return copy
    }

    /// The document with a member more in its root object: an object made of other documents, by the paths at which each stands in it.
    ///
    /// A place of the result names the file that its value came from. What has no root object is left as it is.
    package func adding(_ key: String, of documents: [(path: [String], document: JSONDocument)]) -> JSONDocument {
        guard parts.isEmpty, var object = root.object else { return self }
        var member = JSON(.object(JSONObject()))
        for (i, entry) in documents.enumerated() {
            member = member.setting(entry.document.root.shifted(by: (i + 1) << Self.partShift), at: entry.path[...])
        }
        object[key] = member
        var copy = self
        copy.root = JSON(.object(object), offset: root.offset)
        copy.parts = [self] + documents.map(\.document)
        return copy
    }

    /// The document without some members of its root object.
    package func removing(_ keys: [String]) -> JSONDocument {
        guard var object = root.object else { return self }
        for key in keys { object[key] = nil }
        return replacing(root: JSON(.object(object), offset: root.offset))
    }

    package init(parsing text: String, file: String, rejectDuplicateKeys: Bool = false) throws {
        let bytes = Array(text.utf8)
        self = try bytes.withUnsafeBytes { try JSONDocument(parsing: $0, file: file, rejectDuplicateKeys: rejectDuplicateKeys) }
    }

    package init(contentsOf path: String, rejectDuplicateKeys: Bool = false) throws {
        let file = try MappedFile(path: path)
        self = try JSONDocument(parsing: file.bytes, file: path, rejectDuplicateKeys: rejectDuplicateKeys)
    }

    /// The documents that this one was merged of, the most basic first; for one that was parsed, itself.
    package var layers: [JSONDocument] { parts.isEmpty ? [self] : parts }

    /// Line and column of a byte offset.
    package func place(at offset: Int) -> SourcePlace {
        if !parts.isEmpty {
            let part = offset >> Self.partShift
            guard parts.indices.contains(part) else { return SourcePlace(file) }
            return parts[part].place(at: offset & (1 << Self.partShift - 1))
        }
        guard !lineStarts.isEmpty else { return SourcePlace(file) }
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return SourcePlace(file, .text(line: low + 1, column: offset - lineStarts[low] + 1))
    }

    package func place(of value: JSON) -> SourcePlace { place(at: value.offset) }

    static func lineStarts(of bytes: UnsafeRawBufferPointer) -> [Int] {
        var starts = [0]
        for (i, byte) in bytes.enumerated() where byte == 0x0A { starts.append(i + 1) }
        return starts
    }
}

extension JSON {
    /// The object with a value at a path of keys; objects that are missing on the way are made.
    fileprivate func setting(_ value: JSON, at path: ArraySlice<String>) -> JSON {
        guard let key = path.first else { return value }
        var object = self.object ?? JSONObject()
        object[key] = (object[key] ?? JSON(.object(JSONObject()))).setting(value, at: path.dropFirst())
        return JSON(.object(object), offset: offset)
    }
}
