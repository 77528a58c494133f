package import HadalCore

/// A row of a state, as it lies in memory: `width` elements of a type of `DType.stateTypes`, padded as `DType.stateRowBytes` says.
package struct StateRow: Sendable {
    package let dtype: DType
    package let width: Int
    /// Bytes from one row to the next.
    package let bytes: Int
    /// Elements with the padding.
    private let padded: Int

    /// - Returns: nil for a type that states do not have, and for a width that is not positive or too large.
    package init?(_ dtype: DType, width: Int) {
        guard DType.stateTypes.contains(dtype), width > 0, let bytes = dtype.stateRowBytes(width: width) else { return nil }
        (self.dtype, self.width, self.bytes) = (dtype, width, bytes)
        padded = (width + dtype.blockElements - 1) / dtype.blockElements * dtype.blockElements
    }

    /// Rounds `width` floats to the type and writes them with their padding.
    ///
    /// - Parameter row: room for `bytes` bytes, of any alignment.
    package func encode(_ values: UnsafePointer<Float>, into row: UnsafeMutableRawPointer) {
        let target = UnsafeMutableRawBufferPointer(start: row, count: bytes)
        // Encoding fails for unknown types and sizes alone, and these were checked.
        guard dtype.isQuantised else {
            try? BlockCodec.encode(dtype, from: values, into: target, count: width)
            return
        }
        target.initializeMemory(as: UInt8.self, repeating: 0)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: padded) { whole in
            whole.initialize(repeating: 0)
            for i in 0..<width { whole[i] = values[i] }
            if let base = whole.baseAddress { try? BlockCodec.encode(dtype, from: base, into: target, count: padded) }
        }
    }

    /// Columns `start..<start + count` of a row.
    package func decode(_ row: UnsafeRawPointer, start: Int = 0, count: Int, into out: UnsafeMutablePointer<Float>) {
        let block = dtype.blockElements, first = start / block, skipped = start % block
        let blocks = (skipped + count + block - 1) / block
        let source = UnsafeRawBufferPointer(start: row + first * dtype.blockBytes, count: blocks * dtype.blockBytes)
        guard skipped > 0 || blocks * block > count else {
            try? BlockCodec.decode(dtype, from: source, into: out, count: count)
            return
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: blocks * block) { whole in
            guard let base = whole.baseAddress else { return }
            try? BlockCodec.decode(dtype, from: source, into: base, count: blocks * block)
            for i in 0..<count { out[i] = base[skipped + i] }
        }
    }
}
