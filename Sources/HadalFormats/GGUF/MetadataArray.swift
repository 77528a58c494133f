import HadalCore

/// An array of GGUF metadata, decoded element by element from where it lies in the file.
///
/// A vocabulary of 262,144 tokens costs one offset per token, not one string. Arrays of fixed-size elements cost nothing.
package struct MetadataArray: Sendable {
    package let elementType: GGUFValueType
    package let count: Int
    let source: ByteSource
    /// The bytes of the elements, without the array's own type and count.
    let range: Range<Int>
    /// Where each element starts; empty when elements have a fixed size.
    private let starts: [Int]

    /// `range` and `starts` must come from a parse that checked them.
    init(elementType: GGUFValueType, count: Int, source: ByteSource, range: Range<Int>, starts: [Int]) {
        self.elementType = elementType
        self.count = count
        self.source = source
        self.range = range
        self.starts = starts
    }

    private func load<T: FixedWidthInteger>(_: T.Type, at offset: Int) -> T {
        withExtendedLifetime(source) { T(littleEndian: source.bytes.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }

    /// The element at `index`, which must be in `0..<count`.
    package subscript(index: Int) -> MetadataValue {
        precondition(index >= 0 && index < count, "metadata array index out of range")
        guard let size = elementType.fixedSize else {
            return elementType == .string ? .string(stringValue(index)) : .array(nestedArray(index))
        }
        let at = range.lowerBound + index * size
        switch elementType {
        case .uint8: return .uint8(load(UInt8.self, at: at))
        case .int8: return .int8(load(Int8.self, at: at))
        case .uint16: return .uint16(load(UInt16.self, at: at))
        case .int16: return .int16(load(Int16.self, at: at))
        case .uint32: return .uint32(load(UInt32.self, at: at))
        case .int32: return .int32(load(Int32.self, at: at))
        case .uint64: return .uint64(load(UInt64.self, at: at))
        case .int64: return .int64(load(Int64.self, at: at))
        case .float32: return .float32(Float(bitPattern: load(UInt32.self, at: at)))
        case .float64: return .float64(Double(bitPattern: load(UInt64.self, at: at)))
        default: return .bool(load(UInt8.self, at: at) != 0)
        }
    }

    private func stringValue(_ index: Int) -> MetadataString {
        let start = starts[index]
        let length = Int(load(UInt64.self, at: start))
        return MetadataString(source: source, range: start + 8..<start + 8 + length)
    }

    private func nestedArray(_ index: Int) -> MetadataArray {
        var reader = ByteReader(source, at: starts[index])
        // The enclosing parse has read this array already, so that it cannot fail now.
        return (try? GGUFMetadataParser.array(&reader, key: "", depth: 0))
            ?? MetadataArray(elementType: .uint8, count: 0, source: source, range: 0..<0, starts: [])
    }

    /// The raw bytes of a string element, in place; nil if the elements are not strings.
    package func withBytes<R>(at index: Int, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R? {
        guard elementType == .string else { return nil }
        precondition(index >= 0 && index < count, "metadata array index out of range")
        return try stringValue(index).withBytes(body)
    }

    /// The raw bytes of a string element; nil if the elements are not strings.
    package func bytes(at index: Int) -> [UInt8]? { withBytes(at: index) { Array($0) } }

    /// All elements as integers, if they are integers that fit `Int`.
    package var ints: [Int]? { collect { $0.int } }

    /// All elements as doubles, if they are numbers.
    package var doubles: [Double]? { collect { $0.double } }

    package var bools: [Bool]? { collect { $0.bool } }

    /// All elements as text, if they are strings of valid UTF-8.
    package var strings: [String]? { collect { $0.string } }

    /// All elements of a `float32` array.
    package var floats: [Float]? {
        guard elementType == .float32 else { return nil }
        return (0..<count).map { Float(bitPattern: load(UInt32.self, at: range.lowerBound + $0 * 4)) }
    }

    private func collect<T>(_ convert: (MetadataValue) -> T?) -> [T]? {
        var out: [T] = []
        out.reserveCapacity(count)
        for i in 0..<count {
            guard let value = convert(self[i]) else { return nil }
            out.append(value)
        }
        return out
    }
}

extension MetadataArray: Equatable {
    /// Element type and bytes.
    package static func == (a: MetadataArray, b: MetadataArray) -> Bool {
        guard a.elementType == b.elementType, a.count == b.count, a.range.count == b.range.count else { return false }
        return withExtendedLifetime((a.source, b.source)) {
            a.source.bytes[a.range].elementsEqual(b.source.bytes[b.range])
        }
    }
}
