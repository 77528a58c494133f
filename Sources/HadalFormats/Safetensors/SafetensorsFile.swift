import HadalCore

/// One safetensors file: its tensor directory and string metadata. No tensor data is read.
///
/// Layout: a 64-bit little-endian header length, a JSON header, then the data. Each tensor gives `dtype`, `shape` and
/// `data_offsets`; together the tensors cover the data without gap or overlap. Source: the safetensors README.
package struct SafetensorsFile: Sendable {
    /// The format's own limit.
    package static let maximumHeaderLength = 100_000_000

    package let source: ByteSource
    /// The `__metadata__` object's members.
    package let metadata: [(key: String, value: String)]
    /// In the order of their data; `shard` is 0.
    package let tensors: [TensorInfo]
    /// Tensors of other types than Hadal reads.
    package let unreadable: [UnreadableTensor]
    package let dataOffset: Int

    package init(path: String) throws { try self.init(source: ByteSource(path: path)) }

    /// - Throws: `malformed` or `limitExceeded`, with the byte offset of the field at fault.
    package init(source: ByteSource) throws {
        let header = try Self.headerRange(source)
        let document = try withExtendedLifetime(source) {
            try Self.parse(UnsafeRawBufferPointer(rebasing: source.bytes[header]), source.name)
        }
        guard let object = document.root.object else {
            throw Self.malformed("the header is \(document.root.kindName), not an object", source, document.root)
        }
        var metadata: [(key: String, value: String)] = []
        var rows: [SafetensorsRow] = []
        rows.reserveCapacity(object.count)
        for member in object.members {
            if ExactString(member.key) == ExactString("__metadata__") {
                metadata = try Self.metadata(member.value, source)
            } else {
                rows.append(try SafetensorsRow(member, source: source, dataCount: source.count - header.upperBound))
            }
        }
        rows.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
        try Self.checkCover(rows, dataCount: source.count - header.upperBound, source)

        self.source = source
        self.metadata = metadata
        dataOffset = header.upperBound
        tensors = rows.compactMap { row in
            row.dtype.map {
                TensorInfo(
                    name: row.name, dtype: $0, shape: row.shape, file: source.name, shard: 0,
                    range: header.upperBound + row.begin..<header.upperBound + row.end)
            }
        }
        unreadable = rows.filter { $0.dtype == nil }.map { UnreadableTensor(name: $0.name, type: $0.type, file: source.name) }
    }

    private static func headerRange(_ source: ByteSource) throws -> Range<Int> {
        var reader = ByteReader(source)
        let length = try reader.integer(UInt64.self, "the header length")
        guard length <= UInt64(reader.remaining) else {
            let first = withExtendedLifetime(source) { FirstBytes.describe(source.bytes) }
            throw reader.fail(
                .malformed, "the header length is \(length), but only \(reader.remaining) bytes follow", at: 0,
                hint: "the file is cut short or not a safetensors file; it starts with \(first)")
        }
        guard length <= UInt64(maximumHeaderLength) else {
            throw reader.fail(.limitExceeded, "the header length is \(length); the limit is \(maximumHeaderLength)", at: 0)
        }
        let range = try reader.skip(length, "the header")
        guard length >= 2, withExtendedLifetime(source, { source.bytes[range.lowerBound] }) == UInt8(ascii: "{") else {
            throw reader.fail(
                .malformed, "the header of \(length) bytes does not start with '{'", at: range.lowerBound, hint: "not a safetensors file")
        }
        return range
    }

    /// Parses the header; a syntax error's line and column become a byte offset in the file.
    private static func parse(_ bytes: UnsafeRawBufferPointer, _ file: String) throws -> JSONDocument {
        do {
            return try JSONDocument(parsing: bytes, file: file, rejectDuplicateKeys: true)
        } catch var error as HadalError {
            if case .text(let line, let column)? = error.place?.position {
                var start = 0
                var left = line - 1
                for (i, byte) in bytes.enumerated() where left > 0 && byte == 0x0A {
                    left -= 1
                    start = i + 1
                }
                error.place = SourcePlace(file, .byte(UInt64(8 + start + column - 1)))
                error.message = "the header: \(error.message)"
            }
            throw error
        }
    }

    private static func metadata(_ value: JSON, _ source: ByteSource) throws -> [(key: String, value: String)] {
        guard let object = value.object else { throw malformed("__metadata__ is \(value.kindName), not an object", source, value) }
        return try object.members.map { member in
            guard let text = member.value.string else {
                throw malformed("__metadata__ '\(member.key)' is \(member.value.kindName), not a string", source, member.value)
            }
            return (member.key, text)
        }
    }

    /// Every byte of the data belongs to exactly one tensor.
    private static func checkCover(_ rows: [SafetensorsRow], dataCount: Int, _ source: ByteSource) throws {
        var end = 0
        var last = "the header"
        for row in rows {
            guard row.begin == end else {
                let what = row.begin < end ? "inside" : "after a gap behind"
                throw HadalError(
                    .malformed, "the data of the tensor start at \(row.begin), \(what) \(last), which ends at \(end)",
                    at: SourcePlace(source.name, .field(row.name)))
            }
            end = row.end
            last = "'\(row.name)'"
        }
        guard end == dataCount else {
            throw HadalError(
                .malformed, "the tensors end at data offset \(end), the file holds \(dataCount) bytes of data",
                at: SourcePlace(source.name),
                hint: "the file is cut short or damaged")
        }
    }

    static func malformed(_ message: String, _ source: ByteSource, _ value: JSON) -> HadalError {
        HadalError(.malformed, message, at: SourcePlace(source.name, .byte(UInt64(8 + value.offset))))
    }
}

/// The element type names of safetensors files.
enum SafetensorsTypes {
    private static let names: [(String, DType)] = [
        ("F64", .f64), ("F32", .f32), ("F16", .f16), ("BF16", .bf16), ("I64", .i64), ("I32", .i32), ("I16", .i16), ("I8", .i8),
        ("U8", .u8), ("BOOL", .bool), ("F8_E4M3", .f8_e4m3),
        // Exponents alone, which are scales of other tensors: bytes.
        ("F8_E8M0", .u8),
    ]

    static func dtype(_ name: String) -> DType? { names.first { $0.0 == name }?.1 }

    /// The name that files use, or nil for types that safetensors cannot hold.
    static func name(_ dtype: DType) -> String? { names.first { $0.1 == dtype }?.0 }

    static let readable = names.map(\.0).joined(separator: " ")
}
