import Dispatch
import HadalArchitecture
import HadalCore
import HadalFormats
import Synchronization

/// Encodes one tensor, some rows at a time, on several threads.
struct TensorEncoder {
    /// Numbers that one thread takes at a time; memory is a few dozen bytes for each.
    private static let pieceElements = 1 << 18

    let tensor: QuantizationPlan.Tensor
    let rows: WeightRows
    let threads: Int

    /// How far the written numbers are from the model's.
    struct Difference {
        var squaredError = 0.0
        var squares = 0.0

        var relative: Double { squares > 0 ? (squaredError / squares).squareRoot() : squaredError > 0 ? 1 : 0 }
    }

    /// Gives the tensor's bytes in order.
    ///
    /// - Throws: `malformed` for numbers that are not finite, `limitExceeded` for numbers too large for the type.
    func produce(_ sink: TensorSource.Sink) throws -> Difference {
        guard rows.columns > 0 else { return Difference() }
        let perPiece = max(1, Self.pieceElements / rows.columns)
        var next = 0
        var total = Difference()
        if rows.storedType == tensor.dtype {
            while next < rows.rows {
                let range = next..<min(next + perPiece * threads, rows.rows)
                try rows.withStoredBytes(of: range, sink)
                next = range.upperBound
            }
            return total
        }
        while next < rows.rows {
            var ranges: [Range<Int>] = []
            while ranges.count < threads, next < rows.rows {
                ranges.append(next..<min(next + perPiece, rows.rows))
                next += ranges[ranges.count - 1].count
            }
            let work = ranges
            let results = Mutex<[Int: Result<Piece, any Error>]>([:])
            DispatchQueue.concurrentPerform(iterations: work.count) { i in
                let result = Result { try self.piece(work[i]) }
                results.withLock { $0[i] = result }
            }
            let pieces = results.withLock { $0 }
            for i in work.indices {
                guard let piece = try pieces[i]?.get() else { continue }
                try piece.bytes.withUnsafeBytes { try sink($0) }
                total.squaredError += piece.difference.squaredError
                total.squares += piece.difference.squares
            }
        }
        return total
    }

    private struct Piece {
        var bytes: [UInt8]
        var difference: Difference
    }

    private func piece(_ range: Range<Int>) throws -> Piece {
        let count = range.count * rows.columns
        guard let size = tensor.dtype.byteCount(elements: count) else {
            throw HadalError(.mismatch, "tensor '\(tensor.name)': rows of \(rows.columns) are not whole \(tensor.dtype.name) blocks")
        }
        let floats = UnsafeMutablePointer<Float>.allocate(capacity: max(2 * count, 1))
        defer { floats.deallocate() }
        let again = floats + count
        try rows.read(range, into: floats)
        let bytes = try [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            try BlockCodec.encode(tensor.dtype, from: floats, into: UnsafeMutableRawBufferPointer(buffer), count: count)
            filled = size
        }
        try bytes.withUnsafeBytes { try BlockCodec.decode(tensor.dtype, from: $0, into: again, count: count) }
        var difference = Difference()
        // Short float sums, so that they lose nothing worth saying; a double for each number would take as long as encoding.
        for start in stride(from: 0, to: count, by: 256) {
            var (error, squares) = (Float(0), Float(0))
            for i in start..<min(start + 256, count) {
                let off = floats[i] - again[i]
                error += off * off
                squares += floats[i] * floats[i]
            }
            difference.squaredError += Double(error)
            difference.squares += Double(squares)
        }
        if !difference.squaredError.isFinite || !difference.squares.isFinite {
            try check(floats, again, count)
            difference = Difference()
            for i in 0..<count {
                let (wanted, got) = (Double(floats[i]), Double(again[i]))
                difference.squaredError += (wanted - got) * (wanted - got)
                difference.squares += wanted * wanted
            }
        }
        return Piece(bytes: bytes, difference: difference)
    }

    /// Tells numbers that no type can hold from those that this one cannot; very large ones may be neither; they have squares that no float holds.
    private func check(_ floats: UnsafePointer<Float>, _ again: UnsafePointer<Float>, _ count: Int) throws {
        for i in 0..<count where !floats[i].isFinite {
            throw HadalError(.malformed, "tensor '\(tensor.name)' holds a number that is not finite (\(floats[i]))")
        }
        for i in 0..<count where !again[i].isFinite {
            throw HadalError(
                .limitExceeded, "tensor '\(tensor.name)' holds \(floats[i]), which is too large for \(tensor.dtype.name)",
                hint: "BF16 and F32 hold every such number; give the tensor a rule of its own")
        }
    }
}
