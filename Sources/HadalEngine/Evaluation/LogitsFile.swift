import HadalCore
import HadalFormats

/// Logits of every token of a text, as `hadal logits` writes them: a tensor `logits` `[T, vocabulary]`, read row by row where it lies.
///
/// Thread safety: immutable.
package final class LogitsFile: Sendable {
    package let path: String
    package let rows: Int
    package let vocabularySize: Int
    private let file: SafetensorsFile
    private let tensor: TensorInfo

    /// - Throws: `notFound` when the file has no `logits`, `mismatch` when they are no float matrix.
    package init(path: String) throws {
        file = try SafetensorsFile(path: path)
        guard let tensor = file.tensors.first(where: { ExactString($0.name) == ExactString("logits") }) else {
            throw HadalError(.notFound, "the file has no tensor 'logits'", at: SourcePlace(path), hint: [.action(.writeLogits)])
        }
        guard tensor.shape.count == 2, [DType.f32, .f16, .bf16].contains(tensor.dtype) else {
            throw HadalError(
                .mismatch, "'logits' is \(tensor.dtype.name)\(tensor.shape); a matrix [tokens, vocabulary] of F32, F16 or BF16 is wanted",
                at: SourcePlace(path, .field("logits")))
        }
        self.path = path
        self.tensor = tensor
        (rows, vocabularySize) = (tensor.shape[0], tensor.shape[1])
    }

    /// Decodes one row.
    func read(_ row: Int, into target: UnsafeMutableBufferPointer<Float>) throws {
        guard let base = target.baseAddress, row >= 0, row < rows, target.count == vocabularySize,
            let width = tensor.dtype.byteCount(elements: vocabularySize), let first = Optional(tensor.range.lowerBound + row * width),
            first + width <= tensor.range.upperBound
        else { throw HadalError(.mismatch, "there is no row \(row) of logits", at: SourcePlace(path, .field("logits"))) }
        try BlockCodec.decode(
            tensor.dtype, from: UnsafeRawBufferPointer(rebasing: file.source.bytes[first..<first + width]), into: base,
            count: vocabularySize)
    }
}
