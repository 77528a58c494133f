import HadalCore
import HadalFormats
import TestSupport
import Testing

/// Rows of caches, as they lie in memory.
@Suite("Rows of states")
struct StateRowTests {
    @Test(
        "Rows are padded to whole blocks and whole words",
        arguments: [(1, 36), (20, 36), (32, 36), (40, 68), (64, 68), (80, 104), (96, 104), (128, 136), (576, 612)])
    func sizes(_ width: Int, _ bytes: Int) throws {
        #expect(DType.q8_0.stateRowBytes(width: width) == bytes)
        #expect(DType.f16.stateRowBytes(width: width) == 2 * width && DType.f32.stateRowBytes(width: width) == 4 * width)
        #expect(try #require(StateRow(.q8_0, width: width)).bytes == bytes)
    }

    @Test("What no row can be is refused")
    func refusals() {
        #expect(StateRow(.q4_0, width: 64) == nil && StateRow(.q8_0, width: 0) == nil && StateRow(.q8_0, width: .max) == nil)
        #expect(DType.q8_0.stateRowBytes(width: -1) == nil && DType.q8_0.stateRowBytes(width: .max) == nil)
    }

    @Test("A row is the blocks of a file, its padding zeros, and any columns of it are read", arguments: [1, 20, 32, 45, 96])
    func blocks(_ width: Int) throws {
        let layout = try #require(StateRow(.q8_0, width: width)), padded = (width + 31) / 32 * 32
        let values = (0..<width).map { Float(($0 * 37) % 101 - 50) / 7 }
        var row = [UInt8](repeating: 0xFF, count: layout.bytes)
        row.withUnsafeMutableBytes { if let base = $0.baseAddress { layout.encode(values, into: base) } }
        var wanted = [UInt8](repeating: 0, count: padded / 32 * 34)
        try wanted.withUnsafeMutableBytes {
            try BlockCodec.encode(.q8_0, from: values + Array(repeating: 0, count: padded - width), into: $0, count: padded)
        }
        #expect(row == wanted + Array(repeating: 0, count: layout.bytes - wanted.count))
        var whole = [Float](repeating: .nan, count: width)
        layout.decode(row, count: width, into: &whole)
        for (start, count) in [(0, 1), (width - 1, 1), (width / 2, width - width / 2), (width / 3, max(width / 3, 1))] {
            var part = [Float](repeating: .nan, count: count)
            layout.decode(row, start: start, count: count, into: &part)
            #expect(part == Array(whole[start..<start + count]))
        }
        for (value, kept) in zip(values, whole) { #expect(abs(value - kept) <= 50.0 / 7 / 127 * 0.51) }
    }
}
