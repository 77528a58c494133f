import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

@Suite struct GGUFSplitTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        for i in 0..<3 { try shard(i, of: 3) }
    }

    private func name(_ number: Int, _ count: Int) -> String { "m-0000\(number + 1)-of-0000\(count).gguf" }

    @discardableResult
    private func shard(
        _ number: Int, of count: Int, as file: String? = nil, tensor: String? = nil, total: Int = 3, no: Int? = nil
    ) throws -> String {
        var metadata: [(key: String, value: MetadataValue)] = [
            ("split.no", .uint16(UInt16(no ?? number))), ("split.count", .uint16(UInt16(count))),
            ("split.tensors.count", .int32(Int32(total))),
        ]
        if number == 0 { metadata.append(("general.architecture", MetadataValue("tiny"))) }
        let path = scratch.file(file ?? name(number, count))
        try GGUFWriter.write(
            to: path, metadata: metadata,
            tensors: [TensorSource(name: tensor ?? "t\(number)", dtype: .f32, shape: [2], values: [Float(number), 1])])
        return path
    }

    @Test(arguments: 0..<3)
    func anyShardOpensAll(_ number: Int) throws {
        let model = try ModelFiles.open(path: scratch.file(name(number, 3)))
        #expect(model.tensorNames == ["t0", "t1", "t2"])
        #expect(model.metadata("general.architecture")?.string == "tiny")
        #expect(model.sources.count == 3 && model.totalBytes == 24)
        for (i, tensor) in model.tensors.enumerated() {
            #expect(tensor.shard == i && tensor.file == scratch.file(name(i, 3)))
            #expect(model.bytes(of: tensor).loadUnaligned(as: Float.self) == Float(i))
        }
    }

    @Test(arguments: ["M-0000%-OF-00002.GGUF", "m-0000%-of-00002.GGUF", "m-0000%-of-00002.Gguf"])
    func capitals(_ pattern: String) throws {
        let names = ["1", "2"].map { pattern.replacingOccurrences(of: "%", with: $0) }
        for i in 0..<2 { try shard(i, of: 2, as: names[i], total: 2) }
        for name in names { #expect(try ModelFiles.open(path: scratch.file(name)).tensorNames == ["t0", "t1"]) }
        // One of them spelled otherwise than the rest.
        try FileManager.default.moveItem(atPath: scratch.file(names[1]), toPath: scratch.file(names[1].lowercased() + "x"))
        try FileManager.default.moveItem(atPath: scratch.file(names[1].lowercased() + "x"), toPath: scratch.file(names[1].lowercased()))
        #expect(try ModelFiles.open(path: scratch.file(names[0])).tensorNames == ["t0", "t1"])
    }

    @Test func missingShard() throws {
        let other = try Scratch()
        try shard(0, of: 3, as: "../\(other.path.split(separator: "/").last!)/m-00001-of-00003.gguf")
        expectError(.notFound, "shard 2 of 3 is missing", "m-00002-of-00003.gguf") { try ModelFiles.open(path: other.file(name(0, 3))) }
    }

    @Test func namesAndNumbersMustAgree() throws {
        expectError(.malformed, "shard 1 of 3", "whole.gguf") { try ModelFiles.open(path: shard(0, of: 3, as: "whole.gguf")) }
        expectError(.mismatch, "shard 2 of 3", "shard 1 of 3") { try ModelFiles.open(path: shard(0, of: 3, as: name(1, 3))) }
        expectError(.mismatch, "expected shard 2 of 3", "shard 1 of 3") { try ModelFiles.open(path: scratch.file(name(0, 3))) }
        try shard(1, of: 3, no: 9)
        expectError(.malformed, "split.no is 9", "0 to 2") { try ModelFiles.open(path: scratch.file(name(1, 3))) }
    }

    @Test func countsAndDuplicates() throws {
        try shard(0, of: 3, total: 4)
        expectError(.mismatch, "split.tensors.count is 4", "hold 3 tensors") { try ModelFiles.open(path: scratch.file(name(1, 3))) }
        try shard(0, of: 3)
        try shard(2, of: 3, tensor: "t1")
        expectError(.malformed, "t1", "two files", name(1, 3), name(2, 3)) { try ModelFiles.open(path: scratch.file(name(1, 3))) }
        // One of several, and alone in memory.
        var file = GGUFBytes.sample
        file.add("split.count", 2, [2, 0])
        file.add("split.no", 2, [0, 0])
        expectError(.mismatch, "expected shard 1 of 1", "shard 1 of 2") { try ModelFiles.open(ggufBytes: file.bytes, name: "m") }
        file.entries.removeLast()
        expectError(.malformed, "split.no is absent") { try ModelFiles.open(ggufBytes: file.bytes, name: "m") }
        file = .sample
        file.add("split.count", 10, GGUFBytes.little(UInt64(1) << 40))
        expectError(.malformed, "split.count is 1099511627776") { try ModelFiles.open(ggufBytes: file.bytes, name: "m") }
    }

    @Test func aSplitOfOneIsWhole() throws {
        let path = try shard(0, of: 1, as: "anything.gguf", total: 1)
        #expect(try ModelFiles.open(path: path).tensorNames == ["t0"])
    }
}
