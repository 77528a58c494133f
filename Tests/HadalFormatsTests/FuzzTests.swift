import Foundation
import HadalCore
import TestSupport
import Testing

@testable import HadalFormats

/// Damages files in the ways that files get damaged, and in the ways that someone would who means harm.
private struct Mutator {
    var generator: SeededGenerator
    /// Strings that parsers trip over.
    let fragments: [[UInt8]]

    mutating func mutate(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &generator) { step(&bytes) }
        return bytes
    }

    private mutating func index(_ bytes: [UInt8]) -> Int { Int.random(in: 0..<max(bytes.count, 1), using: &generator) }

    private mutating func step(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: bytes[index(bytes)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes[index(bytes)] = UInt8.random(in: 0...255, using: &generator)
        case 2: bytes.removeLast(index(bytes))
        case 3:  // a huge or awkward integer over whatever was there
            let value: UInt64 = [
                .max, 1 << 63, 1 << 62, 1 << 60, 1 << 40, 1 << 32, UInt64(UInt32.max), UInt64(Int.max), 0, 1, UInt64(bytes.count),
            ].randomElement(using: &generator)!
            let width = [1, 2, 4, 8].randomElement(using: &generator)!
            let at = index(bytes)
            for (i, byte) in GGUFBytes.little(value).prefix(width).enumerated() where at + i < bytes.count { bytes[at + i] = byte }
        case 4:  // a range twice
            let start = index(bytes)
            let piece = bytes[start..<min(bytes.count, start + Int.random(in: 1...64, using: &generator))]
            bytes.insert(contentsOf: piece, at: index(bytes))
        case 5:  // a range gone
            let start = index(bytes)
            bytes.removeSubrange(start..<min(bytes.count, start + Int.random(in: 1...16, using: &generator)))
        case 6: bytes.insert(contentsOf: fragments.randomElement(using: &generator) ?? [], at: index(bytes))
        case 7:
            let at = index(bytes)
            for (i, byte) in (fragments.randomElement(using: &generator) ?? []).enumerated() where at + i < bytes.count {
                bytes[at + i] = byte
            }
        default: bytes.swapAt(index(bytes), index(bytes))
        }
    }
}

/// Uses everything that an opened model offers, so that a check that opening forgot shows here.
private func exercise(_ model: ModelFiles) throws -> Int {
    var sum = model.totalBytes
    for key in model.metadataKeys {
        guard let value = model.metadata(key) else { throw HadalError(.notFound, key) }
        sum &+= value.int ?? 0
        sum &+= value.string?.utf8.count ?? 0
        if let array = value.array { sum &+= walk(array) }
    }
    for name in model.tensorNames {
        guard let tensor = try model.tensor(named: name) else { throw HadalError(.notFound, name) }
        let bytes = model.bytes(of: tensor)
        if let first = bytes.first, let last = bytes.last { sum &+= Int(first) &+ Int(last) }
        guard BlockCodec.dtypes.contains(tensor.dtype), tensor.elementCount <= 4096, tensor.elementCount > 0 else { continue }
        var values = [Float](repeating: 0, count: tensor.elementCount)
        try BlockCodec.decode(tensor.dtype, from: bytes, into: &values, count: values.count)
    }
    return sum
}

private func walk(_ array: MetadataArray) -> Int {
    var sum = array.count
    for i in 0..<array.count {
        let value = array[i]
        sum &+= value.int ?? 0
        sum &+= array.withBytes(at: i) { $0.count } ?? 0
        if let inner = value.array { sum &+= walk(inner) }
    }
    return sum
}

/// The most memory that this process has held, in bytes.
private func peakMemory() -> Int {
    var usage = rusage()
    #if os(Linux)
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    #else
        getrusage(RUSAGE_SELF, &usage)
        return usage.ru_maxrss
    #endif
}

@Suite(.serialized, .timeLimit(.minutes(10))) struct FuzzTests {
    private static let seed: UInt64 = 20_240_607
    private static let memoryBound = 256 << 20

    private func run(
        _ count: Int, fragments: [[UInt8]], samples: [[UInt8]], salt: UInt64 = 0, open: ([UInt8]) throws -> ModelFiles
    ) {
        var mutator = Mutator(generator: SeededGenerator(seed: Self.seed + salt), fragments: fragments)
        let before = peakMemory()
        var opened = 0
        for i in 0..<count {
            let bytes = mutator.mutate(samples[i % samples.count])
            do {
                _ = try exercise(open(bytes))
                opened += 1
            } catch let error as HadalError {
                if error.message.isEmpty || error.place == nil { Issue.record("mutation \(i) of seed \(Self.seed + salt): \(error)") }
            } catch {
                Issue.record("mutation \(i) of seed \(Self.seed + salt): not a HadalError: \(error)")
            }
        }
        // Neither every file nor none: otherwise the mutations miss what they aim at.
        #expect(opened > count / 100 && opened < count * 9 / 10, "\(opened) of \(count) opened")
        #expect(peakMemory() - before < Self.memoryBound)
    }

    @Test func gguf() {
        let little = { (value: UInt32) in GGUFBytes.little(value) }
        let fragments: [[UInt8]] = [
            little(9) + little(9) + GGUFBytes.little(UInt64(1)), little(8) + GGUFBytes.little(UInt64.max), Array("GGUF".utf8), little(3),
            GGUFBytes.text("general.alignment") + little(4) + little(3), GGUFBytes.text("split.count") + little(2) + [3, 0],
            GGUFBytes.text("a.weight"), [UInt8](repeating: 0xFF, count: 24), [UInt8](repeating: 0, count: 24),
        ]
        var vocabulary = GGUFBytes()
        let strings = (0..<40).flatMap { GGUFBytes.text("token\($0)") }
        vocabulary.add("tokens", 9, GGUFBytes.little(UInt32(8)) + GGUFBytes.little(UInt64(40)) + strings)
        run(6000, fragments: fragments, samples: [GGUFBytes.sample.bytes, vocabulary.bytes]) {
            try ModelFiles.open(ggufBytes: $0, name: "m.gguf")
        }
    }

    private static let jsonFragments: [[UInt8]] =
        [
            "[[[[[[[[[[[[[[[[", "{\"a\":", "18446744073709551616", "-9223372036854775808", "1e999", "\"\\ud800\"", "null", "[0,4]", "-1",
            ",", "}",
            "\"data_offsets\":[0,1]", "\u{0}", "\"../x\"", "9007199254740993",
        ].map { Array($0.utf8) } + [[0xFF, 0xFE], [UInt8](repeating: 0x5B, count: 400)]

    @Test func safetensors() {
        let header = #"""
            {"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"U8","shape":[],"data_offsets":[32,33]}}
            """#
        let config = Array(#"{"model_type":"tiny"}"#.utf8)
        run(6000, fragments: Self.jsonFragments, samples: [safetensorsBytes(header, dataCount: 33)], salt: 1) {
            try ModelFiles.open(files: ["config.json": config, "model.safetensors": $0], name: "dir")
        }
    }

    @Test func indexAndConfiguration() {
        let index = HuggingFaceTests.index([("a", "s1.safetensors"), ("b", "s1.safetensors"), ("c", "s2.safetensors")])
        let config = Array(#"{"model_type": "tiny", "hidden_size": 8, "rope": {"factor": 8.0, "list": [1, 2]}, "none": null}"#.utf8)
        let shards = ["s1.safetensors": HuggingFaceTests.shard(["a", "b"]), "s2.safetensors": HuggingFaceTests.shard(["c"])]
        for (salt, name) in [(UInt64(2), "model.safetensors.index.json"), (3, "config.json")] {
            run(1500, fragments: Self.jsonFragments, samples: [name == "config.json" ? config : index], salt: salt) { bytes in
                var files = shards
                files["config.json"] = config
                files["model.safetensors.index.json"] = index
                files[name] = bytes
                return try ModelFiles.open(files: files, name: "dir")
            }
        }
    }
}
