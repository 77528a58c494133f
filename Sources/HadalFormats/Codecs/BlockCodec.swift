public import HadalCore

/// Conversion between stored tensor data and float32.
///
/// Decoding equals the public `gguf` package's bit for bit (a NaN equals any NaN). Encoding of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0,
/// F16 and BF16 does too; the other formats choose scales that minimise the weighted squared error of each block.
/// Thread safety: no state; any thread may call.
public enum BlockCodec {
    /// Types that can be decoded and encoded.
    public static let dtypes: [DType] = [
        .f32, .f16, .bf16, .f64, .f8_e4m3, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_nl, .iq4_xs,
        .mxfp4,
    ]

    /// Decodes `count` elements.
    ///
    /// - Parameters:
    ///   - bytes: the stored data; at least `dtype.byteCount(elements: count)` bytes, of any alignment.
    ///   - out: room for `count` floats.
    /// - Throws: `unsupported` for integer types; `mismatch` when `count` is not whole blocks or `bytes` is too short.
    public static func decode(
        _ dtype: DType, from bytes: UnsafeRawBufferPointer, into out: UnsafeMutablePointer<Float>, count: Int
    ) throws {
        guard try check(dtype, count: count, available: bytes.count) > 0, let base = bytes.baseAddress else { return }
        let source = base.assumingMemoryBound(to: UInt8.self)
        let blocks = count / dtype.blockElements
        switch dtype {
        case .f32: UnsafeMutableRawPointer(out).copyMemory(from: base, byteCount: count * 4)
        case .f16: PlainFloats.decodeF16(count, source, out)
        case .bf16: PlainFloats.decodeBF16(count, source, out)
        case .f64: PlainFloats.decodeF64(count, base, out)
        case .f8_e4m3: PlainFloats.decodeF8(count, source, out)
        case .q4_0: Q4_0Block.decodeBlocks(blocks, source, out)
        case .q4_1: Q4_1Block.decodeBlocks(blocks, source, out)
        case .q5_0: Q5_0Block.decodeBlocks(blocks, source, out)
        case .q5_1: Q5_1Block.decodeBlocks(blocks, source, out)
        case .q8_0: Q8_0Block.decodeBlocks(blocks, source, out)
        case .q2_K: Q2_KBlock.decodeBlocks(blocks, source, out)
        case .q3_K: Q3_KBlock.decodeBlocks(blocks, source, out)
        case .q4_K: Q4_KBlock.decodeBlocks(blocks, source, out)
        case .q5_K: Q5_KBlock.decodeBlocks(blocks, source, out)
        case .q6_K: Q6_KBlock.decodeBlocks(blocks, source, out)
        case .iq4_nl: IQ4_NLBlock.decodeBlocks(blocks, source, out)
        case .iq4_xs: IQ4_XSBlock.decodeBlocks(blocks, source, out)
        case .mxfp4: MXFP4Block.decodeBlocks(blocks, source, out)
        case .i8, .i16, .i32, .i64, .u8, .bool: throw unsupported(dtype)
        }
    }

    /// Encodes `count` elements.
    ///
    /// - Parameters:
    ///   - values: `count` floats.
    ///   - out: room for `dtype.byteCount(elements: count)` bytes, of any alignment.
    /// - Throws: as `decode`.
    public static func encode(
        _ dtype: DType, from values: UnsafePointer<Float>, into out: UnsafeMutableRawBufferPointer, count: Int
    ) throws {
        guard try check(dtype, count: count, available: out.count) > 0, let base = out.baseAddress else { return }
        let target = base.assumingMemoryBound(to: UInt8.self)
        let blocks = count / dtype.blockElements
        switch dtype {
        case .f32: base.copyMemory(from: values, byteCount: count * 4)
        case .f16: PlainFloats.encodeF16(count, values, target)
        case .bf16: PlainFloats.encodeBF16(count, values, target)
        case .f64: PlainFloats.encodeF64(count, values, base)
        case .f8_e4m3: PlainFloats.encodeF8(count, values, target)
        case .q4_0: Q4_0Block.encodeBlocks(blocks, values, target)
        case .q4_1: Q4_1Block.encodeBlocks(blocks, values, target)
        case .q5_0: Q5_0Block.encodeBlocks(blocks, values, target)
        case .q5_1: Q5_1Block.encodeBlocks(blocks, values, target)
        case .q8_0: Q8_0Block.encodeBlocks(blocks, values, target)
        case .q2_K: Q2_KBlock.encodeBlocks(blocks, values, target)
        case .q3_K: Q3_KBlock.encodeBlocks(blocks, values, target)
        case .q4_K: Q4_KBlock.encodeBlocks(blocks, values, target)
        case .q5_K: Q5_KBlock.encodeBlocks(blocks, values, target)
        case .q6_K: Q6_KBlock.encodeBlocks(blocks, values, target)
        case .iq4_nl: IQ4_NLBlock.encodeBlocks(blocks, values, target)
        case .iq4_xs: IQ4_XSBlock.encodeBlocks(blocks, values, target)
        case .mxfp4: MXFP4Block.encodeBlocks(blocks, values, target)
        case .i8, .i16, .i32, .i64, .u8, .bool: throw unsupported(dtype)
        }
    }

    private static func check(_ dtype: DType, count: Int, available: Int) throws -> Int {
        guard dtypes.contains(dtype) else { throw unsupported(dtype) }
        guard let needed = dtype.byteCount(elements: count) else {
            throw HadalError(.mismatch, "\(count) elements are not whole \(dtype.name) blocks of \(dtype.blockElements)")
        }
        guard needed <= available else {
            throw HadalError(.mismatch, "\(count) elements of \(dtype.name) take \(needed) bytes; there are \(available)")
        }
        return count
    }

    private static func unsupported(_ dtype: DType) -> HadalError {
        HadalError(
            .unsupported, "\(dtype.name) is not a floating-point format", hint: "formats: \(dtypes.map(\.name).joined(separator: " "))")
    }
}
