package import HadalCore

/// A tensor to be written: what it is, and a closure that produces its bytes piece by piece.
///
/// The pieces come in order, in any sizes; a writer holds none of them, so that a file may be larger than memory.
package struct TensorSource {
    /// Takes the next piece of the data.
    package typealias Sink = (UnsafeRawBufferPointer) throws -> Void

    package let name: String
    package let dtype: DType
    /// Row-major, `[rows, columns]`.
    package let shape: [Int]
    /// Called once, when the tensor's turn comes.
    package let produce: (_ sink: Sink) throws -> Void

    package init(name: String, dtype: DType, shape: [Int], produce: @escaping (_ sink: Sink) throws -> Void) {
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.produce = produce
    }

    /// A tensor whose bytes are at hand.
    package init(name: String, dtype: DType, shape: [Int], bytes: [UInt8]) {
        self.init(name: name, dtype: dtype, shape: shape) { sink in try bytes.withUnsafeBytes { try sink($0) } }
    }

    /// A float tensor, encoded as `dtype` when it is written.
    package init(name: String, dtype: DType, shape: [Int], values: [Float]) {
        self.init(name: name, dtype: dtype, shape: shape) { sink in
            guard let size = dtype.byteCount(elements: values.count) else {
                throw HadalError(.mismatch, "tensor '\(name)': \(values.count) values are not whole \(dtype.name) blocks")
            }
            guard size > 0 else { return }
            let encoded = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
            defer { encoded.deallocate() }
            try values.withUnsafeBufferPointer { floats in
                guard let base = floats.baseAddress else { return }
                try BlockCodec.encode(dtype, from: base, into: encoded, count: floats.count)
            }
            try sink(UnsafeRawBufferPointer(encoded))
        }
    }

    /// A tensor of an open model, copied as it is stored.
    package init(copying tensor: TensorInfo, of model: ModelFiles) {
        self.init(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape) { sink in
            try withExtendedLifetime(model) { try sink(try model.mappedBytes(of: tensor)) }
        }
    }

    /// Bytes that the tensor will take.
    /// - Throws: `invalidArgument` for a shape that is negative, overflows, or has rows that are not whole blocks.
    package func byteCount() throws -> Int {
        guard let elements = TensorInfo.elementCount(of: shape), (shape.last ?? 1) % dtype.blockElements == 0,
            let bytes = dtype.byteCount(elements: elements)
        else { throw HadalError(.invalidArgument, "tensor '\(name)': shape \(shape) is not a shape of \(dtype.name)") }
        return bytes
    }

    /// Runs `produce` into a file and checks that it gave as many bytes as it should.
    func write(to file: AtomicFile, expected: Int) throws {
        let start = file.count
        try produce { piece in
            guard file.count - start + piece.count <= expected else {
                throw HadalError(
                    .mismatch, "tensor '\(name)' was given more than the \(expected) bytes of its shape", at: SourcePlace(file.path))
            }
            try file.write(piece)
        }
        guard file.count - start == expected else {
            throw HadalError(
                .mismatch, "tensor '\(name)' was given \(file.count - start) bytes; its shape takes \(expected)", at: SourcePlace(file.path)
            )
        }
    }
}
