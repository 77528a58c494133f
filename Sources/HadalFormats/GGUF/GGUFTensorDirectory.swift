import HadalCore

/// The tensor part of a GGUF header: parsed, then checked as a whole against the file.
struct GGUFTensorDirectory {
    private(set) var tensors: [TensorInfo] = []
    let dataOffset: Int

    private struct Row {
        let name: String
        let dtype: DType
        let shape: [Int]
        let offset: UInt64
        let byteCount: Int
        /// Where the row stands, for errors.
        let at: Int
    }

    init(_ reader: inout ByteReader, count: Int, alignment: Int) throws {
        var rows: [Row] = []
        var names: Set<ExactString> = []
        for i in 0..<count {
            let row = try Self.row(&reader, number: i)
            guard names.insert(ExactString(row.name)).inserted else {
                throw reader.fail(.malformed, "tensor '\(row.name)' appears twice", at: row.at)
            }
            rows.append(row)
        }
        let fileSize = reader.source.count
        let padded = (reader.offset + alignment - 1) & ~(alignment - 1)
        dataOffset = min(padded, fileSize)
        tensors.reserveCapacity(count)
        for row in rows {
            guard row.offset % UInt64(alignment) == 0 else {
                throw reader.fail(
                    .malformed, "tensor '\(row.name)' starts at data offset \(row.offset), not a multiple of the alignment \(alignment)",
                    at: row.at)
            }
            let (start, overflow) = UInt64(padded).addingReportingOverflow(row.offset)
            let (end, endOverflow) = start.addingReportingOverflow(UInt64(row.byteCount))
            guard !overflow, !endOverflow, end <= UInt64(fileSize) else {
                let claimed = overflow || endOverflow ? "beyond 2^64" : "at byte \(end)"
                throw reader.fail(
                    .malformed,
                    "tensor '\(row.name)' (\(row.byteCount) bytes at data offset \(row.offset)) ends \(claimed); the file ends at byte \(fileSize)",
                    at: row.at, hint: "the file is cut short or damaged")
            }
            tensors.append(
                TensorInfo(
                    name: row.name, dtype: row.dtype, shape: row.shape, file: reader.source.name, shard: 0,
                    range: Int(start)..<Int(end)))
        }
        try Self.refuseOverlap(tensors, rows, reader)
    }

    private static func row(_ reader: inout ByteReader, number: Int) throws -> Row {
        let at = reader.offset
        let name = try reader.name("the name of tensor \(number)", limit: GGUFFile.maximumNameLength)
        let dimensions = try reader.integer(UInt32.self, "the dimension count of tensor '\(name)'")
        guard dimensions <= UInt32(GGUFFile.maximumDimensions) else {
            throw reader.fail(
                .malformed, "tensor '\(name)' has \(dimensions) dimensions; the format allows \(GGUFFile.maximumDimensions)", at: at)
        }
        var extents: [UInt64] = []  // contiguous dimension first, as the file has them
        for i in 0..<dimensions { extents.append(try reader.integer(UInt64.self, "dimension \(i) of tensor '\(name)'")) }
        let type = try reader.integer(UInt32.self, "the type of tensor '\(name)'")
        let offset = try reader.integer(UInt64.self, "the offset of tensor '\(name)'")
        guard let dtype = GGUFTypeNames.dtype(type) else {
            throw reader.fail(
                .unsupported, "tensor '\(name)' has type \(GGUFTypeNames.describe(type)), which Hadal does not read", at: at,
                hint: "types that are read: \(GGUFTypeNames.readable)")
        }
        let shape = extents.reversed().compactMap { Int(exactly: $0) }
        guard shape.count == extents.count, let elements = TensorInfo.elementCount(of: shape) else {
            throw reader.fail(.malformed, "tensor '\(name)' has dimensions \(extents), whose product overflows", at: at)
        }
        let row = shape.last ?? 1
        guard row % dtype.blockElements == 0 else {
            throw reader.fail(
                .malformed,
                "tensor '\(name)' has rows of \(row) elements, not a multiple of the \(dtype.blockElements) of a \(dtype.name) block",
                at: at)
        }
        guard let byteCount = dtype.byteCount(elements: elements) else {
            throw reader.fail(.malformed, "tensor '\(name)' of \(elements) elements of \(dtype.name) has a size that overflows", at: at)
        }
        return Row(name: name, dtype: dtype, shape: shape, offset: offset, byteCount: byteCount, at: at)
    }

    private static func refuseOverlap(_ tensors: [TensorInfo], _ rows: [Row], _ reader: ByteReader) throws {
        let order = tensors.indices.filter { !tensors[$0].range.isEmpty }
            .sorted { tensors[$0].range.lowerBound < tensors[$1].range.lowerBound }
        for (a, b) in zip(order, order.dropFirst()) where tensors[b].range.lowerBound < tensors[a].range.upperBound {
            throw reader.fail(
                .malformed,
                "tensor '\(tensors[b].name)' starts at byte \(tensors[b].range.lowerBound), inside tensor '\(tensors[a].name)', which ends at byte \(tensors[a].range.upperBound)",
                at: rows[b].at)
        }
    }
}
