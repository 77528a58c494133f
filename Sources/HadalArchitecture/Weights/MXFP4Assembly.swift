import HadalCore
import HadalFormats

/// MXFP4 as safetensors files hold it: the packed numbers in one tensor of bytes, the exponents in another.
///
/// Of each block of 32 numbers the 16 bytes hold neighbours: byte k has number 2k in its low half and 2k + 1 in its high half. The block
/// that backends compute on has the exponent first and then, as GGUF has it, number k beside number k + 16. Source: OCP Microscaling
/// Formats 1.0, section 5.4.1, and the published layouts of the two formats.
enum MXFP4Assembly {
    /// The extents of the numbers.
    ///
    /// - Parameters:
    ///   - blocks: bytes `[..., columns / 32, 16]`, or `[..., columns / 2]`.
    ///   - scales: bytes `[..., columns / 32]`: exponents biased by 127.
    /// - Throws: `mismatch` naming both tensors when they do not belong together.
    static func dims(
        of blocks: (recipe: WeightRecipe, shape: WeightRecipe.Shape), scales: (recipe: WeightRecipe, shape: WeightRecipe.Shape)
    ) throws -> [Int] {
        for part in [blocks, scales] where part.shape.dtype != .u8 && part.shape.dtype != .i8 {
            throw HadalError(
                .mismatch, "\(part.recipe.summary) is \(part.shape.dtype.name); MXFP4 parts are bytes (U8)",
                at: part.recipe.tensors.first?.place)
        }
        let outer = scales.shape.dims.dropLast()
        let groups = scales.shape.dims.last ?? 0
        let (columns, overflow) = groups.multipliedReportingOverflow(by: 32)
        guard groups > 0, !overflow, [outer + [groups, 16], outer + [columns / 2]].contains(where: { Array($0) == blocks.shape.dims })
        else {
            throw WeightRecipe.fail(
                "does not fit MXFP4 scales '\(scales.recipe.tensors.first?.name ?? "")' of shape \(scales.shape.dims): a scale belongs to 16 bytes",
                blocks.recipe, blocks.shape)
        }
        return outer + [columns]
    }

    /// What an exponent biased by 127 stands for.
    static func factor(_ exponent: UInt8) -> Float {
        exponent == 0xFF ? .nan : exponent == 0 ? 0x1p-127 : Float(bitPattern: UInt32(exponent) << 23)
    }

    /// Turns 16 bytes of neighbours into bytes of number k beside number k + 16.
    @inline(__always)
    static func interleave(_ packed: (Int) -> UInt8, into target: UnsafeMutableRawBufferPointer, at: Int) {
        for k in 0..<8 {
            let (first, second) = (packed(k), packed(8 + k))
            target[at + 2 * k] = first & 0x0F | second << 4
            target[at + 1 + 2 * k] = first >> 4 | second & 0xF0
        }
    }

    /// Both parts in one, in new memory of 17 bytes for each block.
    static func data(blocks: WeightData, scales: WeightData, dims: [Int]) -> WeightData {
        let count = min(scales.bytes.count, blocks.bytes.count / 16)
        let out = OwnedBytes(count: count * 17)
        let (packed, exponents, target) = (blocks.bytes, scales.bytes, out.mutable)
        for block in 0..<count {
            let (from, to) = (block * 16, block * 17)
            target[to] = exponents[block]
            interleave({ packed[from + $0] }, into: target, at: to + 1)
        }
        return WeightData(dtype: .mxfp4, dims: dims, bytes: out.bytes, owner: out, isMapped: false)
    }
}
