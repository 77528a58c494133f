import HadalCore

/// One tensor's entry in a safetensors header, checked by itself.
struct SafetensorsRow {
    static let maximumDimensions = 32

    let name: String
    /// As the file writes it.
    let type: String
    /// Nil for a type that Hadal does not read.
    let dtype: DType?
    let shape: [Int]
    /// Relative to the start of the data.
    let begin: Int
    let end: Int

    init(_ member: JSONObject.Member, source: ByteSource, dataCount: Int) throws {
        func bad(_ message: String, _ value: JSON) -> HadalError {
            SafetensorsFile.malformed("tensor '\(member.key)': \(message)", source, value)
        }
        let value = member.value
        guard value.object != nil else { throw bad("its entry is \(value.kindName), not an object", value) }
        func field(_ key: String) throws -> JSON {
            guard let found = value[key] else { throw bad("'\(key)' is missing", value) }
            return found
        }
        let typeField = try field("dtype")
        guard let type = typeField.string else { throw bad("'dtype' is \(typeField.kindName), not a string", typeField) }

        let shapeField = try field("shape")
        guard let dimensions = shapeField.array else { throw bad("'shape' is \(shapeField.kindName), not an array", shapeField) }
        guard dimensions.count <= Self.maximumDimensions else {
            throw bad("it has \(dimensions.count) dimensions; the limit is \(Self.maximumDimensions)", shapeField)
        }
        let shape = try dimensions.map { dimension in
            guard let extent = dimension.int, extent >= 0 else {
                throw bad("'shape' holds \(dimension.text()), not a length", dimension)
            }
            return extent
        }

        let offsetsField = try field("data_offsets")
        guard let offsets = offsetsField.array, offsets.count == 2, let begin = offsets[0].int, let end = offsets[1].int else {
            throw bad("'data_offsets' is not two integers", offsetsField)
        }
        guard begin >= 0, begin <= end, end <= dataCount else {
            throw bad("'data_offsets' is [\(begin), \(end)]; the file holds \(dataCount) bytes of data", offsetsField)
        }
        let dtype = SafetensorsTypes.dtype(type)
        if let dtype {
            guard let elements = TensorInfo.elementCount(of: shape), let bytes = dtype.byteCount(elements: elements) else {
                throw bad("the product of shape \(shape) overflows", shapeField)
            }
            guard bytes == end - begin else {
                throw bad("shape \(shape) of \(type) takes \(bytes) bytes, 'data_offsets' spans \(end - begin)", offsetsField)
            }
        }
        name = member.key
        self.type = type
        self.dtype = dtype
        self.shape = shape
        self.begin = begin
        self.end = end
    }
}
