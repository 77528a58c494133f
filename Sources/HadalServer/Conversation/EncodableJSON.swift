import HadalCore

/// A JSON value for interfaces that take what can be encoded.
struct EncodableJSON: Encodable {
    private let value: JSON

    init(_ value: JSON) { self.value = value }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        if let object = value.object {
            var container = encoder.container(keyedBy: Key.self)
            for member in object.members { try container.encode(EncodableJSON(member.value), forKey: Key(stringValue: member.key)) }
            return
        }
        if let items = value.array {
            var container = encoder.unkeyedContainer()
            for item in items { try container.encode(EncodableJSON(item)) }
            return
        }
        var container = encoder.singleValueContainer()
        switch value.value {
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .bigInteger(let value): try container.encode(value.double)
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .null, .array, .object: try container.encodeNil()
        }
    }
}
