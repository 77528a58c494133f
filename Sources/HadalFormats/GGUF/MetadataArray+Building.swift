import HadalCore

extension MetadataArray {
    /// Encodes values, all of one type, as an array.
    /// - Throws: `mismatch` when a value's type is not `elementType`.
    package init(_ elementType: GGUFValueType, _ values: [MetadataValue]) throws {
        var bytes: [UInt8] = []
        for (i, value) in values.enumerated() {
            guard value.type == elementType else {
                throw HadalError(.mismatch, "element \(i) of an array of \(elementType) is \(value.type)")
            }
            value.encode(to: &bytes)
        }
        self.init(encoded: bytes, elementType: elementType, count: values.count)
    }

    package init(strings: [String]) { self.init(stringBytes: strings.map { Array($0.utf8) }) }

    /// Strings that need not be UTF-8, such as byte tokens.
    package init(stringBytes: [[UInt8]]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(stringBytes.reduce(0) { $0 + $1.count + 8 })
        for text in stringBytes {
            append(UInt64(text.count), to: &bytes)
            bytes += text
        }
        self.init(encoded: bytes, elementType: .string, count: stringBytes.count)
    }

    package init(floats: [Float]) {
        var bytes: [UInt8] = []
        for value in floats { append(value.bitPattern, to: &bytes) }
        self.init(encoded: bytes, elementType: .float32, count: floats.count)
    }

    package init(int32 values: [Int32]) {
        var bytes: [UInt8] = []
        for value in values { append(value, to: &bytes) }
        self.init(encoded: bytes, elementType: .int32, count: values.count)
    }

    package init(uint32 values: [UInt32]) {
        var bytes: [UInt8] = []
        for value in values { append(value, to: &bytes) }
        self.init(encoded: bytes, elementType: .uint32, count: values.count)
    }

    package init(bools: [Bool]) {
        self.init(encoded: bools.map { $0 ? 1 : 0 }, elementType: .bool, count: bools.count)
    }

    /// `bytes` must be `count` well-formed elements, as encoded above.
    private init(encoded bytes: [UInt8], elementType: GGUFValueType, count: Int) {
        let source = ByteSource(bytes: bytes, name: "metadata")
        var starts: [Int] = []
        if elementType.fixedSize == nil {
            var reader = ByteReader(source)
            for _ in 0..<count {
                starts.append(reader.offset)
                guard (try? GGUFMetadataParser.skip(elementType, &reader, key: "", depth: 0)) != nil else { break }
            }
        }
        self.init(
            elementType: elementType, count: elementType.fixedSize == nil ? starts.count : count, source: source,
            range: 0..<bytes.count, starts: starts)
    }
}

/// Appends a number in little-endian order.
func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
}

extension MetadataValue {
    /// Appends the value as GGUF stores it, without its type.
    func encode(to bytes: inout [UInt8]) {
        switch self {
        case .uint8(let v): append(v, to: &bytes)
        case .int8(let v): append(v, to: &bytes)
        case .uint16(let v): append(v, to: &bytes)
        case .int16(let v): append(v, to: &bytes)
        case .uint32(let v): append(v, to: &bytes)
        case .int32(let v): append(v, to: &bytes)
        case .uint64(let v): append(v, to: &bytes)
        case .int64(let v): append(v, to: &bytes)
        case .float32(let v): append(v.bitPattern, to: &bytes)
        case .float64(let v): append(v.bitPattern, to: &bytes)
        case .bool(let v): bytes.append(v ? 1 : 0)
        case .string(let v):
            append(UInt64(v.count), to: &bytes)
            v.withBytes { bytes.append(contentsOf: $0) }
        case .array(let v):
            append(v.elementType.rawValue, to: &bytes)
            append(UInt64(v.count), to: &bytes)
            withExtendedLifetime(v.source) { bytes.append(contentsOf: v.source.bytes[v.range]) }
        }
    }
}
