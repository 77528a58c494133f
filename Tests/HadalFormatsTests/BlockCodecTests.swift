import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

/// Answers of the public `gguf` package; made by Tests/Fixtures/formats/make_codecs.py.
private struct CodecFixture {
    let file: SafetensorsFile

    init() throws { file = try SafetensorsFile(path: Fixtures.path("formats/codecs.safetensors")) }

    func bytes(_ name: String) throws -> [UInt8] {
        let tensor = try #require(file.tensors.first { $0.name == name })
        return withExtendedLifetime(file) { Array(file.source.bytes[tensor.range]) }
    }

    func floats(_ name: String) throws -> [Float] {
        try bytes(name).withUnsafeBytes { raw in
            (0..<raw.count / 4).map { Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))) }
        }
    }
}

private func decode(_ dtype: DType, _ bytes: [UInt8], _ count: Int) throws -> [Float] {
    var out = [Float](repeating: .nan, count: max(count, 1))
    try bytes.withUnsafeBytes { raw in
        try out.withUnsafeMutableBufferPointer { try BlockCodec.decode(dtype, from: raw, into: $0.baseAddress!, count: count) }
    }
    return out
}

private func encode(_ dtype: DType, _ values: [Float]) throws -> [UInt8] {
    var out = [UInt8](repeating: 0xA5, count: try #require(dtype.byteCount(elements: values.count)))
    try values.withUnsafeBufferPointer { source in
        try out.withUnsafeMutableBytes { try BlockCodec.encode(dtype, from: source.baseAddress!, into: $0, count: values.count) }
    }
    return out
}

private func gaussian(_ generator: inout SeededGenerator) -> Float {
    (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &generator) }
}

@Suite struct BlockCodecTests {
    @Test(arguments: [
        DType.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_nl, .iq4_xs, .mxfp4, .f16, .bf16,
    ])
    func decodesBitForBit(_ dtype: DType) throws {
        let fixture = try CodecFixture()
        let expected = try fixture.floats("\(dtype.name).values")
        let decoded = try decode(dtype, fixture.bytes("\(dtype.name).blocks"), expected.count)
        #expect(expected.count >= 20 * dtype.blockElements)
        for i in 0..<expected.count where decoded[i].bitPattern != expected[i].bitPattern {
            let bothNaN = decoded[i].isNaN && expected[i].isNaN
            #expect(bothNaN, "\(dtype.name) element \(i): \(decoded[i]) is not \(expected[i])")
        }
    }

    @Test(arguments: [DType.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .f16, .bf16])
    func encodesBitForBit(_ dtype: DType) throws {
        let fixture = try CodecFixture()
        let encoded = try encode(dtype, fixture.floats("\(dtype.name).source"))
        let expected = try fixture.bytes("\(dtype.name).encoded")
        #expect(encoded.count == expected.count)
        for i in 0..<min(encoded.count, expected.count) where encoded[i] != expected[i] {
            Issue.record("\(dtype.name) block \(i / dtype.blockBytes) byte \(i % dtype.blockBytes): \(encoded[i]) is not \(expected[i])")
        }
    }

    /// Bounds on the squared error of a Gaussian relative to its energy, a tenth above what the search reaches.
    @Test(arguments: [
        (DType.q2_K, 0.078), (.q3_K, 0.022), (.q4_K, 0.0054), (.q5_K, 0.00135), (.q6_K, 0.00031), (.iq4_nl, 0.0057), (.iq4_xs, 0.0058),
        (.q4_0, 0.0076), (.q4_1, 0.0065), (.q5_0, 0.0019), (.q5_1, 0.0015), (.q8_0, 3e-5), (.mxfp4, 0.015),
    ])
    func encodersKeepGaussians(_ dtype: DType, _ bound: Double) throws {
        var generator = SeededGenerator(seed: 7)
        let values = (0..<8192).map { _ in gaussian(&generator) * 0.02 }
        let back = try decode(dtype, encode(dtype, values), values.count)
        let error = zip(values, back).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let energy = values.reduce(0.0) { $0 + Double($1 * $1) }
        #expect(error / energy < bound, "\(dtype.name): \(error / energy)")
    }

    @Test(arguments: [DType.q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_nl, .iq4_xs, .mxfp4, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0])
    func encodersSurviveAnything(_ dtype: DType) throws {
        var generator = SeededGenerator(seed: 11)
        let special: [Float] = [0, -0.0, .leastNonzeroMagnitude, -0x1p-135, 1e38, -3.4e38, .infinity, -.infinity, .nan, 1, -1]
        #expect(try decode(dtype, encode(dtype, [Float](repeating: 0, count: 256)), 256).allSatisfy { $0 == 0 })
        for _ in 0..<40 {
            let values = (0..<256).map { _ in
                Bool.random(using: &generator) ? special.randomElement(using: &generator)! : gaussian(&generator)
            }
            _ = try encode(dtype, values)
        }
        // A constant block of an asymmetric format comes back to within its half-precision scale.
        if [.q4_1, .q5_1, .q4_K, .q5_K, .q2_K].contains(dtype) {
            for value: Float in [0.37, -0.37] {
                let back = try decode(dtype, encode(dtype, [Float](repeating: value, count: 256)), 256)
                #expect(back.allSatisfy { abs($0 - value) < 0.002 })
            }
        }
    }

    @Test func halfConversionsEqualTheHardware() {
        #if !(os(macOS) && arch(x86_64))
            for bits in UInt16.min...UInt16.max {
                let expected = Float(Float16(bitPattern: bits))
                let value = HalfFloat.float(bits)
                if value.bitPattern != expected.bitPattern && !(value.isNaN && expected.isNaN) { Issue.record("half \(bits)") }
                if !value.isNaN, HalfFloat.bits(value) != bits { Issue.record("half \(bits) does not round trip") }
            }
            var generator = SeededGenerator(seed: 3)
            for _ in 0..<200_000 {
                let value = Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &generator))
                let expected = Float16(value)
                if HalfFloat.bits(value) != expected.bitPattern && !value.isNaN { Issue.record("float \(value)") }
            }
        #endif
    }

    @Test func float8() throws {
        for byte in UInt8.min...UInt8.max {
            let (exponent, mantissa) = (Int(byte >> 3 & 15), Double(byte & 7))
            var expected = exponent == 0 ? mantissa / 512 : (1 + mantissa / 8) * Double(sign: .plus, exponent: exponent - 7, significand: 1)
            if byte & 0x80 != 0 { expected = -expected }
            let value = try decode(.f8_e4m3, [byte], 1)[0]
            if byte & 0x7F == 0x7F {
                #expect(value.isNaN)
            } else {
                #expect(Double(value) == expected && (value.sign == .minus) == (byte & 0x80 != 0))
            }
            #expect(Float8.bits(value) == byte)
        }
        // The nearest of the 253 finite values, found by trying them all; ties go to the even mantissa.
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            let value =
                Float.random(in: -460...460, using: &generator)
                * Float(sign: .plus, exponent: -Int.random(in: 0...16, using: &generator), significand: 1)
            let best = (0...255).filter { $0 & 0x7F != 0x7F }.map { abs(Float8.float(UInt8($0)) - value) }.min()!
            #expect(abs(Float8.float(Float8.bits(value)) - value) == best)
        }
        #expect(Float8.bits(17) == Float8.bits(16))  // a tie between 16 and 18
        #expect(Float8.bits(19) == Float8.bits(20))
        #expect(Float8.bits(.infinity) == 0x7F && Float8.bits(-.nan) & 0x7F == 0x7F)
    }

    @Test func doublesRoundToNearest() throws {
        let value = 0.1
        let bytes = withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
        #expect(try decode(.f64, bytes, 1) == [0.1 as Float])
        #expect(try decode(.f64, encode(.f64, [0.1, -2]), 2) == [0.1, -2])
        #expect(try decode(.f32, encode(.f32, [0.1, -2]), 2) == [0.1, -2])
    }

    @Test func refusesWhatDoesNotFit() {
        expectError(.unsupported) { try decode(.i32, [0, 0, 0, 0], 1) }
        expectError(.mismatch) { try decode(.q4_0, [UInt8](repeating: 0, count: 18), 31) }
        expectError(.mismatch) { try decode(.q4_0, [UInt8](repeating: 0, count: 17), 32) }
        expectError(.mismatch) { try decode(.q4_0, [], -32) }
        #expect(throws: Never.self) { try decode(.q4_0, [], 0) }
    }
}
