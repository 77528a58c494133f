import HadalCore

/// Writes a safetensors file.
///
/// Tensors stream through in the order given; only the header is held in memory. The file appears under its name only when
/// it is complete.
package enum SafetensorsWriter {
    /// - Parameter metadata: the members of `__metadata__`; left out when empty.
    /// - Throws: `invalidArgument` for what the format cannot hold; `mismatch` when a tensor's bytes are not those of its
    ///   shape; `io`. Nothing is left at `path` then that was not there before.
    package static func write(
        to path: String, tensors: [TensorSource], metadata: [(key: String, value: String)] = [],
        progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) throws {
        let sizes = try tensors.map { try $0.byteCount() }
        let header = try self.header(tensors, sizes, metadata)
        let file = try AtomicFile(path: path)
        var length: [UInt8] = []
        append(UInt64(header.count), to: &length)
        try file.write(length)
        try file.write(header)
        let total = sizes.reduce(0, +)
        var done = 0
        for (tensor, size) in zip(tensors, sizes) {
            try tensor.write(to: file, expected: size)
            done += size
            progress?(done, total)
        }
        try file.commit()
    }

    /// The JSON header, padded with spaces so that the data start at a multiple of 8.
    private static func header(
        _ tensors: [TensorSource], _ sizes: [Int], _ metadata: [(key: String, value: String)]
    ) throws -> [UInt8] {
        var object = JSONObject()
        if !metadata.isEmpty { object["__metadata__"] = JSON(.object(JSONObject(metadata.map { ($0.key, JSON(.string($0.value))) }))) }
        var offset = 0
        for (tensor, size) in zip(tensors, sizes) {
            guard let type = SafetensorsTypes.name(tensor.dtype) else {
                throw HadalError(
                    .invalidArgument, "tensor '\(tensor.name)': safetensors has no type for \(tensor.dtype.name)",
                    hint: "types: \(SafetensorsTypes.readable)")
            }
            guard object[tensor.name] == nil, ExactString(tensor.name) != ExactString("__metadata__") else {
                throw HadalError(.invalidArgument, "tensor '\(tensor.name)' appears twice or has a name that the format reserves")
            }
            let (end, overflow) = offset.addingReportingOverflow(size)
            guard !overflow else { throw HadalError(.invalidArgument, "the tensors' sizes overflow") }
            object[tensor.name] = [
                "dtype": JSON(.string(type)), "shape": JSON(.array(tensor.shape.map { JSON(.int(Int64($0))) })),
                "data_offsets": [JSON(.int(Int64(offset))), JSON(.int(Int64(end)))],
            ]
            offset = end
        }
        var header = Array(JSON(.object(object)).text().utf8)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
        guard header.count <= SafetensorsFile.maximumHeaderLength else {
            throw HadalError(.limitExceeded, "a header of \(header.count) bytes; the limit is \(SafetensorsFile.maximumHeaderLength)")
        }
        return header
    }
}
