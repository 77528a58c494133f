/// A string of GGUF metadata. It need not be UTF-8; its bytes are read where they lie in the file.
package struct MetadataString: Sendable {
    let source: ByteSource
    let range: Range<Int>

    init(source: ByteSource, range: Range<Int>) {
        self.source = source
        self.range = range
    }

    package init(_ bytes: [UInt8]) {
        self.init(source: ByteSource(bytes: bytes, name: "metadata"), range: 0..<bytes.count)
    }

    package init(_ text: String) { self.init(Array(text.utf8)) }

    package var count: Int { range.count }

    /// The bytes in place; not to be kept beyond the closure.
    package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withExtendedLifetime(source) { try body(UnsafeRawBufferPointer(rebasing: source.bytes[range])) }
    }

    package var bytes: [UInt8] { withBytes { Array($0) } }

    /// The text, or nil if it is not valid UTF-8.
    package var text: String? { withBytes { String(validating: $0, as: UTF8.self) } }
}

extension MetadataString: Equatable {
    package static func == (a: MetadataString, b: MetadataString) -> Bool {
        a.count == b.count && a.withBytes { x in b.withBytes { y in x.elementsEqual(y) } }
    }
}

extension MetadataString: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) { self.init(value) }
}
