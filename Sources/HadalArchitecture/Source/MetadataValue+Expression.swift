package import HadalCore
package import HadalFormats

extension MetadataValue {
    /// A parameter's value as GGUF files store it: whole numbers as uint32 where they fit, floats as float32.
    ///
    /// - Parameter key: for errors.
    package init(_ value: ExpressionValue, key: String) throws {
        switch value {
        case .bool(let b): self = .bool(b)
        case .string(let s): self = MetadataValue(s)
        case .float(let d): self = .float32(Float(d))
        case .int(let i):
            if let small = UInt32(exactly: i) { self = .uint32(small) } else { self = .int64(Int64(i)) }
        case .array(let items):
            let values = try items.map { try MetadataValue($0, key: key) }
            guard let type = values.first?.type else {
                self = .array(MetadataArray(int32: []))
                return
            }
            self = .array(try MetadataArray(type, values))
        case .null: throw HadalError(.invalidArgument, "metadata key '\(key)' has no value")
        }
    }
}
