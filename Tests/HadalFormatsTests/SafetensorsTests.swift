import Foundation
import Glibc
import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

@Suite struct SafetensorsTests {
    private func open(_ header: String, _ dataCount: Int, length: UInt64? = nil) throws -> SafetensorsFile {
        try SafetensorsFile(
            source: ByteSource(bytes: safetensorsBytes(header, dataCount: dataCount, length: length), name: "m.safetensors"))
    }

    @Test func directory() throws {
        let header = #"""
            {"__metadata__": {"format": "pt"}, "b": {"dtype": "U8", "shape": [3], "data_offsets": [24, 27]},
             "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "s": {"dtype": "BF16", "shape": [], "data_offsets": [27, 29]},
             "none": {"dtype": "I64", "shape": [0, 7], "data_offsets": [27, 27]}}
            """#.trimmingCharacters(in: .whitespaces) + "   "
        let file = try open(header, 29)
        #expect(file.metadata.map(\.key) == ["format"] && file.metadata.map(\.value) == ["pt"])
        #expect(file.tensors.map(\.name) == ["a", "b", "none", "s"])
        #expect(file.tensors.map(\.shape) == [[2, 3], [3], [0, 7], []])
        #expect(file.tensors.map(\.dtype) == [.f32, .u8, .i64, .bf16])
        #expect(file.tensors[1].range.lowerBound == file.dataOffset + 24)
        #expect(Array(file.source.bytes[file.tensors[1].range]) == [24, 25, 26])
    }

    @Test func everyType() throws {
        for (name, size) in [
            ("F64", 8), ("F32", 4), ("F16", 2), ("BF16", 2), ("I64", 8), ("I32", 4), ("I16", 2), ("I8", 1), ("U8", 1), ("BOOL", 1),
            ("F8_E4M3", 1),
        ] {
            let file = try open(#"{"t":{"dtype":"\#(name)","shape":[3],"data_offsets":[0,\#(3 * size)]}}"#, 3 * size)
            #expect(file.tensors.first?.dtype.name == name)
        }
    }

    @Test func unknownTypesMatterOnlyWhenAskedFor() throws {
        let header = #"{"q":{"dtype":"F8_E5M2","shape":[3],"data_offsets":[0,3]},"t":{"dtype":"I8","shape":[1],"data_offsets":[3,4]}}"#
        let model = try ModelFiles.open(
            files: ["config.json": Array("{}".utf8), "model.safetensors": safetensorsBytes(header, dataCount: 4)], name: "dir")
        #expect(model.tensorNames == ["t"])
        #expect(model.unreadable.map(\.type) == ["F8_E5M2"])
        expectError(.unsupported, "dir/model.safetensors: q", "F8_E5M2") { try model.tensor(named: "q") as Any }
    }

    @Test func headerErrors() {
        expectError(.malformed, "m.safetensors at byte 0", "8 bytes", "3 are left") {
            try SafetensorsFile(source: ByteSource(bytes: [1, 2, 3], name: "m.safetensors"))
        }
        expectError(.malformed, "header length is 18446744073709551615", "only 2 bytes") { try open("{}", 0, length: .max) }
        expectError(.malformed, "header length is 3", "only 2 bytes") { try open("{}", 0, length: 3) }
        expectError(.malformed, "does not start with '{'") { try open("", 0) }
        expectError(.malformed, "does not start with '{'") { try open(" {}", 0) }
        expectError(.malformed, "at byte 13", "the header") { try open(#"{"a":?}"#, 0) }
        expectError(.malformed, "at byte 15") { try open("{\n\"a\"\n:?}", 0) }
        expectError(.malformed, "'a' appears twice") {
            try open(#"{"a":{"dtype":"I8","shape":[],"data_offsets":[0,1]},"a":{"dtype":"I8","shape":[],"data_offsets":[1,2]}}"#, 2)
        }
        expectError(.malformed, "__metadata__ is an array") { try open(#"{"__metadata__":[]}"#, 0) }
        expectError(.malformed, "__metadata__ 'n' is an integer") { try open(#"{"__metadata__":{"n":1}}"#, 0) }
        expectError(.limitExceeded, "nested deeper") { try open("{\"a\":" + String(repeating: "[", count: 100_000), 0) }
    }

    @Test func theHeaderHasALimit() throws {
        // A sparse file: 101 MB that take no room.
        let scratch = try Scratch()
        let path = try scratch.write("big.safetensors", GGUFBytes.little(UInt64(100_000_001)) + Array("{}".utf8))
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 101_000_000)
        try handle.close()
        expectError(.limitExceeded, "100000001", "100000000") { try SafetensorsFile(path: path) }
    }

    @Test func tensorErrors() {
        func entry(_ body: String, _ count: Int = 8) throws -> SafetensorsFile { try open(#"{"t":\#(body)}"#, count) }
        expectError(.malformed, "'t'", "not an object") { try entry("3") }
        expectError(.malformed, "'t'", "'dtype' is missing") { try entry(#"{"shape":[],"data_offsets":[0,8]}"#) }
        expectError(.malformed, "'t'", "'dtype' is an integer") { try entry(#"{"dtype":1,"shape":[],"data_offsets":[0,8]}"#) }
        expectError(.malformed, "'t'", "'shape' is an integer") { try entry(#"{"dtype":"F32","shape":2,"data_offsets":[0,8]}"#) }
        expectError(.malformed, "'t'", "holds -2") { try entry(#"{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}"#) }
        expectError(.malformed, "'t'", "holds 2.5") { try entry(#"{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}"#) }
        expectError(.malformed, "'t'", "holds 1e+30") { try entry(#"{"dtype":"F32","shape":[1e30],"data_offsets":[0,8]}"#) }
        expectError(.malformed, "'t'", "33 dimensions") {
            try entry(#"{"dtype":"F32","shape":[\#(Array(repeating: "1", count: 33).joined(separator: ","))],"data_offsets":[0,4]}"#)
        }
        expectError(.malformed, "'t'", "two integers") { try entry(#"{"dtype":"F32","shape":[2],"data_offsets":[0]}"#) }
        expectError(.malformed, "'t'", "[0, 9]", "8 bytes of data") { try entry(#"{"dtype":"I8","shape":[9],"data_offsets":[0,9]}"#) }
        expectError(.malformed, "'t'", "[8, 0]") { try entry(#"{"dtype":"I8","shape":[9],"data_offsets":[8,0]}"#) }
        expectError(.malformed, "'t'", "[-8, 0]") { try entry(#"{"dtype":"I8","shape":[8],"data_offsets":[-8,0]}"#) }
        expectError(.malformed, "'t'", "[3]", "takes 12 bytes", "spans 8") {
            try entry(#"{"dtype":"F32","shape":[3],"data_offsets":[0,8]}"#)
        }
        expectError(.malformed, "'t'", "overflows") {
            try entry(#"{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}"#, 0)
        }
        expectError(.malformed, "'t'", "overflows") { try entry(#"{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,8]}"#) }
    }

    @Test func dataIsCoveredExactly() {
        func two(_ a: String, _ b: String, _ count: Int) throws -> SafetensorsFile {
            try open(#"{"a":{"dtype":"U8","shape":[4],"data_offsets":\#(a)},"b":{"dtype":"U8","shape":[4],"data_offsets":\#(b)}}"#, count)
        }
        #expect(throws: Never.self) { try two("[4,8]", "[0,4]", 8) }
        expectError(.malformed, "b", "start at 3", "inside 'a'", "ends at 4") { try two("[0,4]", "[3,7]", 7) }
        expectError(.malformed, "b", "start at 5", "gap", "ends at 4") { try two("[0,4]", "[5,9]", 9) }
        expectError(.malformed, "a", "start at 1", "the header", "ends at 0") { try two("[1,5]", "[5,9]", 9) }
        expectError(.malformed, "end at data offset 8", "9 bytes") { try two("[0,4]", "[4,8]", 9) }
        #expect(throws: Never.self) { try open("{}", 0) }
    }

    @Test func roundTrip() throws {
        let scratch = try Scratch()
        let path = scratch.file("m.safetensors")
        try SafetensorsWriter.write(
            to: path,
            tensors: [
                TensorSource(name: "logits", dtype: .f32, shape: [2, 3], values: [1, 2, 3, 4, 5, 6]),
                TensorSource(name: "\u{E9}\"\n", dtype: .bf16, shape: [2], values: [1.5, -2]),
                TensorSource(name: "e\u{301}\"\n", dtype: .f8_e4m3, shape: [1], values: [448]),
                TensorSource(name: "none", dtype: .i32, shape: [0], bytes: []),
            ], metadata: [("format", "pt")])
        #expect(scratch.names == ["m.safetensors"])
        let file = try SafetensorsFile(path: path)
        #expect(file.dataOffset % 8 == 0)
        #expect(file.metadata.map(\.value) == ["pt"])
        let names = file.tensors.map { ExactString($0.name) }
        #expect(Set(names) == Set(["logits", "\u{E9}\"\n", "e\u{301}\"\n", "none"].map { ExactString($0) }) && names.count == 4)
        #expect(file.source.bytes[file.tensors[0].range].elementsEqual([1, 2, 3, 4, 5, 6 as Float].withUnsafeBytes { Array($0) }))
        #expect(file.tensors.first { $0.dtype == .bf16 }?.byteCount == 4)

        func write(_ tensors: [TensorSource]) throws { try SafetensorsWriter.write(to: path, tensors: tensors) }
        let one = TensorSource(name: "t", dtype: .i8, shape: [1], bytes: [0])
        expectError(.invalidArgument, "'t' appears twice") { try write([one, one]) }
        expectError(.invalidArgument, "'t'", "Q4_0") { try write([TensorSource(name: "t", dtype: .q4_0, shape: [32], bytes: [])]) }
        expectError(.invalidArgument, "__metadata__") {
            try write([TensorSource(name: "__metadata__", dtype: .i8, shape: [1], bytes: [0])])
        }
        expectError(.mismatch, "'t'", "0 bytes", "takes 1") { try write([TensorSource(name: "t", dtype: .i8, shape: [1], bytes: [])]) }
        #expect(scratch.names == ["m.safetensors"])
        #expect(try SafetensorsFile(path: path).tensors.count == 4)
    }

    /// A rename would put a regular file in the place of a device, a pipe or a link.
    @Test func whatIsThereKeepsItsKind() throws {
        let scratch = try Scratch()
        let tensor = TensorSource(name: "t", dtype: .i8, shape: [1], bytes: [7])
        func kind(_ name: String) -> mode_t {
            var info = stat()
            return lstat(scratch.file(name), &info) == 0 ? info.st_mode & S_IFMT : 0
        }
        try scratch.write("target.safetensors", "old")
        try FileManager.default.createSymbolicLink(atPath: scratch.file("link"), withDestinationPath: scratch.file("target.safetensors"))
        try SafetensorsWriter.write(to: scratch.file("link"), tensors: [tensor])
        #expect(kind("link") == S_IFLNK)
        #expect(try SafetensorsFile(path: scratch.file("target.safetensors")).tensors.count == 1)

        let pipe = scratch.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let both = Glibc.open(pipe, O_RDWR)
        defer { close(both) }
        try SafetensorsWriter.write(to: pipe, tensors: [tensor])
        #expect(kind("pipe") == S_IFIFO)
        var length: UInt64 = 0
        #expect(Glibc.read(both, &length, 8) == 8 && length > 0)

        expectError(.io, "directory") { try SafetensorsWriter.write(to: scratch.path, tensors: [tensor]) }
        #expect(scratch.names.sorted() == ["link", "pipe", "target.safetensors"])
    }
}
