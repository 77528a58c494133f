import HadalCore
import HadalFormats

/// Matrices whose every number is drawn for itself.
///
/// Narrow rows put together from a pool of chunks would repeat each other: a vocabulary would have equally likely tokens, and which of
/// them is the best would depend on the program. Wide rows have too many chunks for that, and large matrices take too long to draw.
enum RandomMatrix {
    private static let narrow = 1024
    private static let largest = 1 << 26
    private static let pieceElements = 1 << 16

    static func serves(elements: Int, columns: Int) -> Bool { columns < narrow && elements <= largest }

    /// Gives the bytes of a matrix of whole blocks in pieces of whole rows.
    static func produce(
        _ dtype: DType, elements: Int, columns: Int, deviation: Float, random: SplitMix64, _ sink: TensorSource.Sink
    ) throws {
        guard columns > 0, let rowBytes = dtype.byteCount(elements: columns) else {
            throw HadalError(.unsupported, "rows of \(columns) are not whole blocks of \(dtype.name)")
        }
        var random = random
        let perPiece = max(1, pieceElements / columns)
        var values = [Float](repeating: 0, count: perPiece * columns)
        let encoded = UnsafeMutableRawBufferPointer.allocate(byteCount: perPiece * rowBytes, alignment: 16)
        defer { encoded.deallocate() }
        var rows = elements / columns
        while rows > 0 {
            let count = min(rows, perPiece)
            for i in 0..<count * columns { values[i] = random.normal() * deviation }
            let piece = UnsafeMutableRawBufferPointer(rebasing: encoded[..<(count * rowBytes)])
            try values.withUnsafeBufferPointer { floats in
                guard let base = floats.baseAddress else { return }
                try BlockCodec.encode(dtype, from: base, into: piece, count: count * columns)
            }
            try sink(UnsafeRawBufferPointer(piece))
            rows -= count
        }
    }
}
