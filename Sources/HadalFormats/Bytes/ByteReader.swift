import HadalCore

/// A cursor over a byte source that checks every read against the end.
///
/// All numbers are little endian. Errors name the file, the field, the byte offset, what was wanted and what is left.
struct ByteReader {
    let source: ByteSource
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int
    /// Elements of variable size that may still be visited: a sparse file can claim any number of them at no cost.
    private var elementsLeft = 1 << 24

    static let maximumStringLength = 64 << 20

    /// `offset` may be anything in `0...source.count`.
    init(_ source: ByteSource, at offset: Int = 0) {
        self.source = source
        bytes = source.bytes
        self.offset = min(max(offset, 0), source.count)
    }

    var remaining: Int { bytes.count - offset }

    mutating func integer<T: FixedWidthInteger>(_: T.Type, _ field: @autoclosure () -> String) throws -> T {
        let size = MemoryLayout<T>.size
        guard size <= remaining else { throw truncated(field(), wanted: UInt64(size)) }
        let value = bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
        offset += size
        return T(littleEndian: value)
    }

    /// Passes over `count` bytes and returns where they lie.
    mutating func skip(_ count: UInt64, _ field: @autoclosure () -> String) throws -> Range<Int> {
        guard count <= UInt64(remaining) else { throw truncated(field(), wanted: count) }
        let start = offset
        offset += Int(count)
        return start..<offset
    }

    /// A string with a 64-bit length before it. Returns the range of its text.
    mutating func stringRange(_ field: @autoclosure () -> String) throws -> Range<Int> {
        let start = offset
        let length = try integer(UInt64.self, "the length of \(field())")
        let range = try skip(length, field())
        guard range.count <= Self.maximumStringLength else {
            throw fail(.limitExceeded, "\(field()) is \(length) bytes long; the limit is \(Self.maximumStringLength)", at: start)
        }
        return range
    }

    /// Takes `count` from the elements that may be visited one by one in this file.
    mutating func visit(_ count: Int, _ field: @autoclosure () -> String) throws {
        guard count <= elementsLeft else {
            throw fail(.limitExceeded, "\(field()) has \(count) elements; \(elementsLeft) are left of the limit for all arrays of the file")
        }
        elementsLeft -= count
    }

    /// Like `stringRange`, for names: they must be UTF-8 and of a sane length.
    mutating func name(_ field: @autoclosure () -> String, limit: Int) throws -> String {
        let start = offset
        let length = try integer(UInt64.self, "the length of \(field())")
        guard length <= UInt64(limit) else {
            throw fail(.limitExceeded, "\(field()) is \(length) bytes long; the limit is \(limit)", at: start)
        }
        let range = try skip(length, field())
        guard let text = String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self) else {
            throw fail(.malformed, "\(field()) is not valid UTF-8", at: range.lowerBound)
        }
        return text
    }

    func fail(_ code: HadalError.Code, _ message: String, at offset: Int? = nil, hint: String? = nil) -> HadalError {
        HadalError(code, message, at: SourcePlace(source.name, .byte(UInt64(offset ?? self.offset))), hint: hint)
    }

    private func truncated(_ field: String, wanted: UInt64) -> HadalError {
        fail(
            .malformed, "\(field) takes \(wanted) bytes but only \(remaining) are left of \(bytes.count)",
            hint: "the file is cut short or damaged")
    }
}
