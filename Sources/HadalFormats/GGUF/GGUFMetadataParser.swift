import HadalCore

/// Reads the values of GGUF metadata, checking everything that later accesses rely on.
enum GGUFMetadataParser {
    /// Arrays within arrays deeper than this are refused.
    static let maximumDepth = 4

    static func type(_ reader: inout ByteReader, key: String) throws -> GGUFValueType {
        let at = reader.offset
        let number = try reader.integer(UInt32.self, "the type of '\(key)'")
        guard let type = GGUFValueType(rawValue: number) else {
            throw reader.fail(.malformed, "'\(key)' has value type \(number); known types are 0 to 12", at: at)
        }
        return type
    }

    static func value(_ reader: inout ByteReader, key: String) throws -> MetadataValue {
        switch try type(&reader, key: key) {
        case .uint8: return .uint8(try reader.integer(UInt8.self, "'\(key)'"))
        case .int8: return .int8(try reader.integer(Int8.self, "'\(key)'"))
        case .uint16: return .uint16(try reader.integer(UInt16.self, "'\(key)'"))
        case .int16: return .int16(try reader.integer(Int16.self, "'\(key)'"))
        case .uint32: return .uint32(try reader.integer(UInt32.self, "'\(key)'"))
        case .int32: return .int32(try reader.integer(Int32.self, "'\(key)'"))
        case .uint64: return .uint64(try reader.integer(UInt64.self, "'\(key)'"))
        case .int64: return .int64(try reader.integer(Int64.self, "'\(key)'"))
        case .float32: return .float32(Float(bitPattern: try reader.integer(UInt32.self, "'\(key)'")))
        case .float64: return .float64(Double(bitPattern: try reader.integer(UInt64.self, "'\(key)'")))
        case .bool: return .bool(try bool(&reader, key: key))
        case .string:
            let range = try reader.stringRange("the string '\(key)'")
            return .string(MetadataString(source: reader.source, range: range))
        case .array: return .array(try array(&reader, key: key, depth: 0))
        }
    }

    private static func bool(_ reader: inout ByteReader, key: String) throws -> Bool {
        let at = reader.offset
        let byte = try reader.integer(UInt8.self, "'\(key)'")
        guard byte <= 1 else { throw reader.fail(.malformed, "the boolean '\(key)' is \(byte), not 0 or 1", at: at) }
        return byte == 1
    }

    /// Element type and count, the count checked against the bytes that are left.
    private static func arrayHeader(
        _ reader: inout ByteReader, key: String, depth: Int
    ) throws -> (type: GGUFValueType, count: Int) {
        guard depth < maximumDepth else {
            throw reader.fail(.limitExceeded, "the array '\(key)' is nested deeper than \(maximumDepth) levels")
        }
        let elementType = try type(&reader, key: key)
        let at = reader.offset
        let count = try reader.integer(UInt64.self, "the count of the array '\(key)'")
        let most = reader.remaining / elementType.minimumSize
        guard count <= UInt64(most) else {
            throw reader.fail(
                .malformed,
                "the array '\(key)' claims \(count) elements of \(elementType); the \(reader.remaining) bytes left hold at most \(most)",
                at: at, hint: "the file is cut short or damaged")
        }
        // The others are passed over in one step.
        if elementType.fixedSize == nil || elementType == .bool { try reader.visit(Int(count), "the array '\(key)'") }
        return (elementType, Int(count))
    }

    static func array(_ reader: inout ByteReader, key: String, depth: Int) throws -> MetadataArray {
        let (elementType, count) = try arrayHeader(&reader, key: key, depth: depth)
        let first = reader.offset
        var starts: [Int] = []
        if elementType.fixedSize == nil {
            starts.reserveCapacity(count)
            for _ in 0..<count {
                starts.append(reader.offset)
                try skip(elementType, &reader, key: key, depth: depth + 1)
            }
        } else {
            try skipFixed(elementType, count, &reader, key: key)
        }
        return MetadataArray(
            elementType: elementType, count: count, source: reader.source, range: first..<reader.offset, starts: starts)
    }

    /// Passes over one value whose type is known, checking it. Allocates nothing.
    static func skip(_ type: GGUFValueType, _ reader: inout ByteReader, key: String, depth: Int) throws {
        switch type {
        case .string:
            _ = try reader.stringRange("a string of '\(key)'")
        case .array:
            let (elementType, count) = try arrayHeader(&reader, key: key, depth: depth)
            if elementType.fixedSize == nil {
                for _ in 0..<count { try skip(elementType, &reader, key: key, depth: depth + 1) }
            } else {
                try skipFixed(elementType, count, &reader, key: key)
            }
        default:
            try skipFixed(type, 1, &reader, key: key)
        }
    }

    private static func skipFixed(_ type: GGUFValueType, _ count: Int, _ reader: inout ByteReader, key: String) throws {
        if type == .bool {
            for _ in 0..<count { _ = try bool(&reader, key: key) }
        } else {
            // The header's check keeps the product within the file.
            _ = try reader.skip(UInt64(count * (type.fixedSize ?? 1)), "the array '\(key)'")
        }
    }
}
