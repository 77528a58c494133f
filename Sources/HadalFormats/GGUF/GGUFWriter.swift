import HadalCore

/// Writes a GGUF version 3 file.
///
/// Tensors stream through, one after another; nothing but the header is held in memory. The file appears under its name
/// only when it is complete.
package enum GGUFWriter {
    /// - Parameters:
    ///   - metadata: in the order in which they are written. `general.alignment` is added when `alignment` is not 32.
    ///   - progress: called after each tensor with the bytes of data written and their total.
    /// - Throws: `invalidArgument` for what the format cannot hold; `mismatch` when a tensor's bytes are not those of its
    ///   shape; `io`. Nothing is left at `path` then that was not there before.
    package static func write(
        to path: String, metadata: [(key: String, value: MetadataValue)], tensors: [TensorSource],
        alignment: Int = GGUFFile.defaultAlignment, progress: ((_ done: Int, _ total: Int) -> Void)? = nil
    ) throws {
        let sizes = try tensors.map { try $0.byteCount() }
        let header = try self.header(metadata, tensors, sizes, alignment)
        let file = try AtomicFile(path: path)
        try file.write(header)
        try file.pad(to: alignment)
        let total = sizes.reduce(0, +)
        var done = 0
        for (tensor, size) in zip(tensors, sizes) {
            try tensor.write(to: file, expected: size)
            try file.pad(to: alignment)
            done += size
            progress?(done, total)
        }
        try file.commit()
    }

    private static func header(
        _ metadata: [(key: String, value: MetadataValue)], _ tensors: [TensorSource], _ sizes: [Int], _ alignment: Int
    ) throws -> [UInt8] {
        guard alignment > 0, alignment & (alignment - 1) == 0, alignment <= GGUFFile.maximumAlignment else {
            throw HadalError(.invalidArgument, "alignment \(alignment) is not a power of two of at most \(GGUFFile.maximumAlignment)")
        }
        var entries = metadata
        let stated = entries.first { ExactString($0.key) == ExactString("general.alignment") }?.value
        if let stated {
            guard stated.int == alignment else {
                throw HadalError(
                    .invalidArgument,
                    "general.alignment is \(stated.int.map(String.init) ?? "\(stated.type)"), the alignment asked for \(alignment)")
            }
        } else if alignment != GGUFFile.defaultAlignment {
            entries.append(("general.alignment", .uint32(UInt32(alignment))))
        }
        try refuseDuplicates(entries.map(\.key), "metadata key")
        try refuseDuplicates(tensors.map(\.name), "tensor")

        var bytes = GGUFFile.magic
        append(UInt32(3), to: &bytes)
        append(UInt64(tensors.count), to: &bytes)
        append(UInt64(entries.count), to: &bytes)
        for (key, value) in entries {
            appendText(key, to: &bytes)
            append(value.type.rawValue, to: &bytes)
            value.encode(to: &bytes)
        }
        var offset = 0
        for (tensor, size) in zip(tensors, sizes) {
            guard tensor.shape.count <= GGUFFile.maximumDimensions else {
                throw HadalError(
                    .invalidArgument,
                    "tensor '\(tensor.name)' has \(tensor.shape.count) dimensions; GGUF holds \(GGUFFile.maximumDimensions)")
            }
            guard GGUFTypeNames.dtype(tensor.dtype.rawValue) != nil else {
                throw HadalError(.invalidArgument, "tensor '\(tensor.name)': GGUF has no type for \(tensor.dtype.name)")
            }
            appendText(tensor.name, to: &bytes)
            append(UInt32(tensor.shape.count), to: &bytes)
            for extent in tensor.shape.reversed() { append(UInt64(extent), to: &bytes) }
            append(tensor.dtype.rawValue, to: &bytes)
            append(UInt64(offset), to: &bytes)
            let (end, overflow) = offset.addingReportingOverflow(size)
            guard !overflow, end <= Int.max - alignment else { throw HadalError(.invalidArgument, "the tensors' sizes overflow") }
            offset = (end + alignment - 1) & ~(alignment - 1)
        }
        return bytes
    }

    private static func appendText(_ text: String, to bytes: inout [UInt8]) {
        append(UInt64(text.utf8.count), to: &bytes)
        bytes.append(contentsOf: text.utf8)
    }

    private static func refuseDuplicates(_ names: [String], _ what: String) throws {
        var seen: Set<ExactString> = []
        for name in names {
            guard name.utf8.count <= GGUFFile.maximumNameLength else {
                throw HadalError(.limitExceeded, "\(what) of \(name.utf8.count) bytes; the limit is \(GGUFFile.maximumNameLength)")
            }
            guard seen.insert(ExactString(name)).inserted else { throw HadalError(.invalidArgument, "\(what) '\(name)' appears twice") }
        }
    }
}
