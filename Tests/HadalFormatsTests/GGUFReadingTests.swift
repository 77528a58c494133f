import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

@Suite struct GGUFReadingTests {
    private func open(_ file: GGUFBytes) throws -> ModelFiles { try ModelFiles.open(ggufBytes: file.bytes, name: "m.gguf") }

    @Test(arguments: [UInt32(2), 3])
    func everyValueType(_ version: UInt32) throws {
        var file = GGUFBytes.sample
        file.version = version
        let model = try open(file)
        #expect(model.kind == .gguf && model.config == nil)
        #expect(model.metadata("general.architecture")?.string == "tiny")
        #expect(model.metadata("u8") == .uint8(200))
        #expect(model.metadata("i8")?.int == -128)
        #expect(model.metadata("u16")?.int == 60_000)
        #expect(model.metadata("i16")?.int == -2)
        #expect(model.metadata("u32")?.int == 4_000_000_000)
        #expect(model.metadata("i32")?.int == -3)
        #expect(model.metadata("f32")?.double == 1.5)
        #expect(model.metadata("yes")?.bool == true)
        #expect(model.metadata("u64") == .uint64(.max) && model.metadata("u64")?.int == nil)
        #expect(model.metadata("i64")?.int == .min)
        #expect(model.metadata("f64")?.double == 0.1)
        #expect(model.metadata("nope") == nil)
        #expect(model.metadata("yes")?.int == nil && model.metadata("u8")?.bool == nil)
    }

    @Test func arrays() throws {
        let model = try open(.sample)
        let tokens = try #require(model.metadata("tokens")?.array)
        #expect(tokens.count == 3 && tokens.elementType == .string)
        #expect(tokens.bytes(at: 0) == [0x61] && tokens.bytes(at: 1) == [] && tokens.bytes(at: 2) == [0xFF, 0xC3])
        #expect(tokens[0].string == "a" && tokens[2].string == nil && tokens.strings == nil)
        let scores = try #require(model.metadata("scores")?.array)
        #expect(scores.floats == [0.5, -1] && scores.doubles == [0.5, -1] && scores.ints == nil && scores.bytes(at: 0) == nil)
        #expect(model.metadata("flags")?.array?.bools == [true, false, true])
        let nested = try #require(model.metadata("nested")?.array)
        #expect(nested.count == 2)
        #expect(nested[0].array?.ints == [1, -1])
        #expect(nested[1].array?.strings == ["x"])
    }

    @Test func tensors() throws {
        let file = GGUFBytes.sample
        let model = try open(file)
        #expect(model.tensorNames == ["a.weight", "b.weight"])
        let a = try #require(try model.tensor(named: "a.weight"))
        #expect(a.shape == [2, 4] && a.dtype == .f32 && a.byteCount == 32 && a.file == "m.gguf")
        #expect(Array(model.bytes(of: a)) == Array(file.data[..<32]))
        let b = try #require(try model.tensor(named: "b.weight"))
        #expect(b.shape == [1, 32] && b.dtype == .q4_0)
        #expect(Array(model.bytes(of: b)) == Array(file.data[32...]))
        #expect(try model.tensor(named: "c") == nil)
        #expect(model.totalBytes == 50)
        #expect(model.fileRange(of: a) == nil)
    }

    @Test func headerErrors() {
        var file = GGUFBytes.sample
        file.magic = Array("# My".utf8)
        expectError(.malformed, "m.gguf", "GGUF", "23 20 4D 79") { try open(file) }
        expectError(.malformed, "m.gguf", "the file is empty") { try ModelFiles.open(ggufBytes: [], name: "m.gguf") }

        file = .sample
        file.version = 1
        expectError(.unsupported, "m.gguf at byte 4", "version 1", "2 and 3") { try open(file) }
        file.version = 4
        expectError(.unsupported, "version 4") { try open(file) }
        file.version = UInt32(3).byteSwapped
        expectError(.unsupported, "big-endian", "version 3") { try open(file) }

        file = .sample
        file.tensorCount = 1 << 60
        expectError(.malformed, "m.gguf at byte 8", "claims 1152921504606846976 tensors", "at most") { try open(file) }
        file = .sample
        file.entryCount = .max
        expectError(.malformed, "m.gguf at byte 16", "claims 18446744073709551615 metadata entries") { try open(file) }
    }

    @Test func truncatedAnywhere() {
        let bytes = GGUFBytes.sample.bytes
        for count in 0..<bytes.count {
            expectError(.malformed, "m.gguf") { try ModelFiles.open(ggufBytes: Array(bytes[..<count]), name: "m.gguf") }
        }
    }

    @Test func metadataErrors() {
        func withEntry(_ key: [UInt8], _ type: UInt32, _ value: [UInt8]) -> GGUFBytes {
            var file = GGUFBytes()
            file.entries = [(key, type, value)]
            return file
        }
        func little(_ value: UInt64) -> [UInt8] { GGUFBytes.little(value) }
        expectError(.malformed, "'k' has value type 13") { try open(withEntry([0x6B], 13, [0, 0, 0, 0])) }
        expectError(.malformed, "boolean 'k' is 2") { try open(withEntry([0x6B], 7, [2])) }
        expectError(.malformed, "key 0 is not valid UTF-8") { try open(withEntry([0xFF], 7, [1])) }
        expectError(.limitExceeded, "key 0 is 65536 bytes long", "65535") {
            try open(withEntry([UInt8](repeating: 0x6B, count: 65_536), 7, [1]))
        }
        expectError(.malformed, "string 'k' takes 9223372036854775808 bytes", "3 are left") {
            try open(withEntry([0x6B], 8, GGUFBytes.little(UInt64(1) << 63) + [1, 2, 3]))
        }
        expectError(.malformed, "array 'k' claims 4611686018427387904 elements", "at most 1") {
            try open(withEntry([0x6B], 9, GGUFBytes.little(UInt32(4)) + GGUFBytes.little(UInt64(1) << 62) + [1, 2, 3, 4]))
        }
        expectError(.malformed, "array 'k' claims 1000000 elements of string") {
            try open(withEntry([0x6B], 9, GGUFBytes.little(UInt32(8)) + little(1_000_000) + [UInt8](repeating: 0, count: 16)))
        }
        expectError(.malformed, "boolean 'k' is 7") {
            try open(withEntry([0x6B], 9, GGUFBytes.little(UInt32(7)) + little(2) + [1, 7]))
        }
        var deep: [UInt8] = []
        for _ in 0..<6 { deep += GGUFBytes.little(UInt32(9)) + little(1) }
        expectError(.limitExceeded, "'k' is nested deeper than 4") {
            try open(withEntry([0x6B], 9, deep + GGUFBytes.little(UInt32(0)) + little(0)))
        }

        var twice = GGUFBytes()
        twice.add("k", 7, [1])
        twice.add("k", 7, [0])
        expectError(.malformed, "'k' appears twice") { try open(twice) }
        // Canonically equivalent, but not the same bytes.
        var distinct = GGUFBytes()
        distinct.add("\u{E9}", 7, [1])
        distinct.add("e\u{301}", 7, [0])
        #expect(throws: Never.self) { try open(distinct) }

        for (value, text) in [(UInt32(0), "0"), (3, "3"), (1 << 30, "1073741824")] {
            var file = GGUFBytes.sample
            file.add("general.alignment", 4, GGUFBytes.little(value))
            expectError(.malformed, "general.alignment is \(text)", "power of two") { try open(file) }
        }
        var file = GGUFBytes.sample
        file.add("general.alignment", 8, GGUFBytes.text("32"))
        expectError(.malformed, "general.alignment is string") { try open(file) }
    }

    @Test func tensorErrors() {
        func open(_ change: (inout GGUFBytes) -> Void) throws -> ModelFiles {
            var file = GGUFBytes.sample
            change(&file)
            return try self.open(file)
        }
        expectError(.unsupported, "'a.weight'", "16 (IQ2_XXS)") { try open { $0.tensors[0].type = 16 } }
        expectError(.unsupported, "'a.weight'", "type 77") { try open { $0.tensors[0].type = 77 } }
        // Numbers that are Hadal's own do not count in a file.
        expectError(.unsupported, "'a.weight'", "type 1000") { try open { $0.tensors[0].type = 1000 } }
        expectError(.malformed, "'a.weight' appears twice") { try open { $0.tensors[1].name = "a.weight" } }
        expectError(.malformed, "'a.weight' has 5 dimensions", "4") { try open { $0.tensors[0].dimensions = [1, 1, 1, 1, 1] } }
        expectError(.malformed, "'a.weight' has 4294967295 dimensions") { try open { $0.dimensionCount = .max } }
        expectError(.malformed, "'a.weight'", "overflows") { try open { $0.tensors[0].dimensions = [1 << 40, 1 << 40] } }
        expectError(.malformed, "'a.weight'", "overflows") { try open { $0.tensors[0].dimensions = [UInt64.max] } }
        expectError(.malformed, "'a.weight'", "overflows") { try open { $0.tensors[0].dimensions = [1 << 62] } }
        expectError(.malformed, "'b.weight' has rows of 16", "32", "Q4_0") { try open { $0.tensors[1].dimensions = [16, 2] } }
        expectError(.malformed, "'b.weight'", "offset 40", "alignment 32") { try open { $0.tensors[1].offset = 40 } }
        expectError(.malformed, "'b.weight'", "ends at byte", "the file ends at byte") { try open { $0.tensors[1].offset = 64 } }
        expectError(.malformed, "'b.weight'", "beyond 2^64") { try open { $0.tensors[1].offset = .max - 31 } }
        expectError(.malformed, "'b.weight' starts at byte", "inside tensor 'a.weight'") { try open { $0.tensors[1].offset = 0 } }
    }

    @Test func unusualButLegal() throws {
        // No tensors and no data, a scalar, a tensor without elements, an alignment of its own, a gap between tensors.
        var file = GGUFBytes()
        #expect(try open(file).tensors.isEmpty)
        file.add("general.alignment", 4, GGUFBytes.little(UInt32(64)))
        file.alignment = 64
        file.tensors = [
            .init(name: "scalar", dimensions: [], type: 0, offset: 128), .init(name: "none", dimensions: [0, 3], type: 0, offset: 0),
            .init(name: "one", dimensions: [1], type: 24, offset: 0),
        ]
        file.data = [UInt8](repeating: 1, count: 132)
        let model = try open(file)
        #expect(model.tensors.map(\.shape) == [[], [3, 0], [1]])
        #expect(model.tensors.map(\.byteCount) == [4, 0, 1])
        #expect(model.bytes(of: model.tensors[1]).isEmpty)
    }

    /// A sparse file claims any number of bytes that cost nothing.
    @Test func sparseFilesStayBounded() throws {
        let scratch = try Scratch()
        let zeros: UInt64 = 1 << 35
        func open(_ file: GGUFBytes) throws -> ModelFiles {
            let path = try scratch.write("sparse.gguf", file.bytes)
            let handle = try #require(FileHandle(forWritingAtPath: path))
            try handle.truncate(atOffset: zeros)
            try handle.close()
            return try ModelFiles.open(path: path)
        }
        func array(_ type: UInt32, _ count: UInt64) -> GGUFBytes {
            var file = GGUFBytes()
            file.add("k", 9, GGUFBytes.little(type) + GGUFBytes.little(count))
            return file
        }
        expectError(.limitExceeded, "'k' has 4000000000 elements", "16777216") { try open(array(8, 4_000_000_000)) }
        expectError(.limitExceeded, "'k' has 30000000000 elements") { try open(array(7, 30_000_000_000)) }
        expectError(.limitExceeded, "'k' has 2500000000 elements") { try open(array(9, 2_500_000_000)) }
        #expect(try open(array(0, 30_000_000_000)).metadata("k")?.array?.count == 30_000_000_000)
        var file = GGUFBytes()
        file.add("k", 8, GGUFBytes.little(UInt64(100 << 20)))
        expectError(.limitExceeded, "'k' is 104857600 bytes long") { try open(file) }
        file = GGUFBytes()
        file.tensorCount = 10_000_000
        expectError(.limitExceeded, "claims 10000000 tensors", "1048576") { try open(file) }
        file = GGUFBytes()
        file.entryCount = 10_000_000
        expectError(.limitExceeded, "claims 10000000 metadata entries") { try open(file) }
    }
}
