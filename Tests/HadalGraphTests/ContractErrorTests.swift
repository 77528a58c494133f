import Foundation
import HadalCore
import HadalGraph
import TestSupport
import Testing

/// A contract that is wrong says where, and what would be right.
@Suite("Contract errors")
struct ContractErrorTests {
    private static let good = """
        {
          "hadal": "op/1",
          "op": "twice",
          "summary": "2 x.",
          "inputs": [
            {"name": "x", "kind": "value", "dims": ["N", "D"]},
            {"name": "w", "kind": "weight", "dims": ["D"], "dtypes": ["f32", "f16"], "optional": true}
          ],
          "outputs": [{"name": "y", "dims": ["N", "D"]}],
          "attributes": [{"name": "factor", "type": "float", "minimum": 0}],
          "tolerance": {"absolute": 0},
          "cases": [{"dims": {"N": [1, 2], "D": 3}, "attributes": {"factor": 2.0}, "dtypes": {"w": "f16"}, "present": ["w"]}],
          "bench": {"operations": "N * D", "reads": {"x": "N"}, "shapes": [{"dims": {"N": 512, "D": 64}, "attributes": {"factor": 2.0}}]}
        }
        """

    private func read(_ text: String) throws -> OpContract {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/op.json"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return try OpContract(contentsOf: path)
    }

    @Test("states are given by dims, or by heads and width")
    func states() throws {
        func contract(_ state: String) throws -> OpContract {
            try read(
                """
                {"hadal": "op/1", "op": "keep", "summary": "s", "inputs": [{"name": "x", "kind": "value", "dims": ["N", "D"]}], "outputs": [{"name": "y", "dims": ["N", "D"]}],
                 "states": [{"name": "past", \(state)}], "tolerance": {"absolute": 0}, "cases": [{"dims": {"D": 3}, "steps": [[[0, 1]]]}]}
                """)
        }
        for state in [#""dims": ["1", "D"]"#, #""dims": [1, "D"]"#, #""heads": 1, "width": "D""#] {
            let past = try #require(try contract(state).states.first)
            #expect(past.heads.text == "1" && past.width.text == "D" && past.dtypes == [.f32, .f16, .bf16])
        }
        #expect(try contract(#""dims": ["1", "D"], "dtypes": ["f32", "q8_0"]"#).stateTypes == [.f32, .q8_0])
        for (state, message) in [
            (#""dims": ["D"]"#, "'dims' is [heads, width]"), (#""dims": ["1", "D"], "heads": 1"#, "'dims' is [heads, width]"),
            (#""width": "D""#, "'heads' is missing"),
            (#""dims": ["1", "D"], "dtypes": ["f32", "q4_0"]"#, "a state cannot be of type Q4_0"),
            (#""dims": ["1", "Q"]"#, "no input has the extent 'Q' by itself, which 'Q' of state 'past'"),
        ] {
            expectError(.malformed, message) { try contract(state) }
        }
    }

    @Test("an extent that no input has by itself is named")
    func extents() throws {
        for (inputs, outputs, message) in [
            (
                #"["N", "streams * D"]"#, #"["N", "D"]"#,
                "no input has the extent 'D' by itself, which 'streams * D' of input 'x' calculates with"
            ),
            (#"["N", "D"]"#, #"["N", "E"]"#, "'E' of output 'y'"), (#"["N", "streams"]"#, #"["N", "streams"]"#, nil),
            (#"["N", "D"]"#, #"["N", "streams * D"]"#, nil),
        ] {
            let text = """
                {"hadal": "op/1", "op": "keep", "summary": "s", "inputs": [{"name": "x", "kind": "value", "dims": \(inputs)}], "outputs": [{"name": "y", "dims": \(outputs)}],
                 "attributes": [{"name": "streams", "type": "int"}], "tolerance": {"absolute": 0}}
                """
            guard let message else {
                #expect(throws: Never.self) { try read(text) }
                continue
            }
            expectError(.malformed, message, "op.json:1:") { try read(text) }
        }
    }

    @Test("what a contract tells others is checked")
    func traits() throws {
        func read(_ keys: String) throws -> OpContract {
            let inputs =
                #"{"name": "x", "kind": "value", "dims": ["N", "D"]}, {"name": "m", "kind": "weight", "dims": ["E", "D"]}, {"name": "v", "kind": "weight", "dims": ["D"]}"#
            return try self.read(
                """
                {"hadal": "op/1", "op": "keep", "summary": "s", "inputs": [\(inputs)], "outputs": [{"name": "y", "dims": ["N", "E"]}], "tolerance": {"absolute": 0},
                 \(keys)}
                """)
        }
        let contract = try read(#""flow": "pass", "states": [{"name": "s", "dims": [1, "D"]}], "cpu": {"packed": ["m"], "append": ["x"]}"#)
        #expect(
            contract.flow?.passesRows == true && contract.cpu.packed == ["m"] && contract.cpu.append == ["x"]
                && contract.matrixInputs == [1])
        #expect(try read(#""source": "s""#).flow == nil)
        for (keys, message, column) in [
            (#""flow": "through""#, #"'flow' is "through""#, 10), (#""flow": 3"#, "'flow' is 3", 10),
            (#""cpu": ["m"]"#, "cpu must be an object", 9),
            (#""cpu": {"packed": ["x"]}"#, #"'packed' names "x", which is not an input of kind weight"#, 21),
            (#""cpu": {"stored": ["q"]}"#, "not an input of kind weight", 21),
            (#""cpu": {"packed": ["v"]}"#, "'v' is not a matrix", 9),
            (#""cpu": {"packed": ["m"], "stored": ["m"]}"#, "both packed and stored", 9),
            (#""cpu": {"append": ["x"]}"#, "without caches", 20), (#""cpu": {"calls": 2}"#, "calls", 10),
        ] {
            expectError(.malformed, message, "op.json:2:\(column)") { try read(keys) }
        }
    }

    @Test func goodOne() throws {
        let contract = try read(Self.good)
        #expect(contract.bench.shapes.count == 1 && contract.bench.operations?.text == "N * D" && contract.bench.reads.map(\.name) == ["x"])
        #expect(contract.cases[0].present == ["w"])
    }

    private static func staged(_ variant: String) -> String {
        good.replacingOccurrences(
            of: #""cases":"#,
            with:
                #""vulkan": {"scratch": [{"name": "halves", "elements": "N", "stages": ["fast"]}], "stages": [{"name": "all", "when": "N > 1", "threads": 64, "grid": ["N"], "variants": [{"name": "fast", \#(variant)}]}]}, "cases":"#
        )
    }

    @Test func formsOfStages() throws {
        let contract = try read(
            Self.staged(#""features": ["fp16"], "shared": "64 * D", "before": [{"name": "halve", "threads": 32, "grid": ["N"]}]"#))
        let form = try #require(contract.stages[0].forms.first)
        #expect(form.variant == "fast" && form.shared?.text == "64 * D")
        // What goes before runs in the same steps.
        #expect(form.before.map(\.name) == ["halve"] && form.before[0].when?.text == "N > 1")
        #expect(contract.scratch[0].stages == ["fast"])
        for wrong in [
            #"{"name": "halve", "threads": 32, "grid": ["N"], "when": "N > 2"}"#,
            #"{"name": "halve", "threads": 32, "grid": ["N"], "variants": [{"name": "x"}]}"#,
            #"{"name": "halve", "threads": 32, "grid": ["N"], "before": [{"name": "x", "threads": 1, "grid": ["N"]}]}"#,
        ] {
            expectError(.malformed, "before another") { try read(Self.staged(#""before": [\#(wrong)]"#)) }
        }
    }

    @Test("a name that no stage can calculate with is named")
    func namesOfStages() throws {
        for known in [
            #""grid": ["N * D", "factor"]"#, #""threads": "2 * subgroup", "shared": "matrix_m * D""#,
            #""grid": ["N // TILE"], "parameters": {"TILE": [1, 2]}"#,
        ] {
            #expect(throws: Never.self) { try read(Self.staged(known)) }
        }
        for (wrong, expression, stage, name) in [
            (#""grid": ["N", "M"]"#, "M", "fast", "M"), (#""grid": ["N // TILE"]"#, "N // TILE", "fast", "TILE"),
            (#""threads": "THREADS""#, "THREADS", "fast", "THREADS"), (#""shared": "4 * E""#, "4 * E", "fast", "E"),
            (#""when": "rows > 1""#, "rows > 1", "fast", "rows"), (#""requires": "q == 1""#, "q == 1", "fast", "q"),
            (#""requires": "TILE > 1", "parameters": {"TILE": [1, 2]}"#, "TILE > 1", "fast", "TILE"),
            (#""requires": "subgroup > 8""#, "subgroup > 8", "fast", "subgroup"),
            (#""before": [{"name": "halve", "threads": 32, "grid": ["M"]}]"#, "M", "halve", "M"),
        ] {
            expectError(.malformed, "op.json:12:", "'\(expression)' of the Vulkan stage '\(stage)' names '\(name)', which is no ") {
                try read(Self.staged(wrong))
            }
        }
        let scratch = Self.staged(#""threads": 64"#).replacingOccurrences(of: #""elements": "N""#, with: #""elements": "N * M""#)
        expectError(.malformed, "op.json:12:", "'N * M' of the scratch memory 'halves' names 'M'") { try read(scratch) }
    }

    /// (what is replaced, by what, the line and column of the fault, a fragment of the message)
    private static let faults: [(String, String, String, String)] = [
        (#""summary":"#, #""sumary": "x", "summary":"#, "4:3", "sumary"),
        (#""op": "twice","#, "", "1:1", "'op' is missing"),
        (#""hadal": "op/1""#, #""hadal": "op/9""#, "1:1", "op/1"),
        (#""summary": "2 x.""#, #""summary": 2"#, "4:14", "a string"),
        (#""kind": "value""#, #""kind": "values""#, "6:27", "value or weight"),
        (#"{"name": "x", "kind": "value", "dims": ["N", "D"]}"#, #"{"name": "x", "kind": "value", "dims": "N"}"#, "6:44", "an array"),
        (#"{"name": "x", "kind": "value", "dims": ["N", "D"]}"#, #"{"name": "x", "kind": "value", "dims": ["N", "D *"]}"#, "6:50", "D *"),
        (#"{"name": "x", "kind": "value", "dims": ["N", "D"]}"#, #"{"name": "x", "kind": "value"}"#, "6:5", "'dims' is missing"),
        (#""dtypes": ["f32", "f16"]"#, #""dtypes": ["f32", "f17"]"#, "7:70", "f17"),
        (#""type": "float""#, #""type": "double""#, "10:18", "'type' must be"),
        (#""D": 3}"#, #""D": 0}"#, "12:41", "bad extent"),
        (#""D": 3}"#, #""D": [3, "4"]}"#, "12:41", "bad extent"),
        (#""D": 3}"#, #""E": 3}"#, "12:41", "no input has a dim 'E'"),
        (#"{"factor": 2.0}, "dtypes""#, #"{"fctor": 2.0}, "dtypes""#, "12:69", "fctor"),
        (#"{"factor": 2.0}, "dtypes""#, #"{"factor": -2.0}, "dtypes""#, "12:70", "at least 0"),
        (#""dtypes": {"w": "f16"}"#, #""dtypes": {"w": "bf16"}"#, "12:92", "may not be BF16"),
        (#""dtypes": {"w": "f16"}"#, #""dtypes": {"v": "f16"}"#, "12:92", "no input 'v'"),
        (#""present": ["w"]"#, #""present": ["x"]"#, "12:112", "always present"),
        (#""present": ["w"]"#, #""steps": [[[0, 1]]]"#, "12:109", "for ops with states"),
        (#""tolerance": {"absolute": 0}"#, #""tolerance": {"absolut": 0}"#, "11:17", "absolut"),
        (#""tolerance": {"absolute": 0}"#, #""tolerance": {"absolute": -1e-6}"#, "11:29", "must not be negative"),
        (#""tolerance": {"#, #""tolerence": {"#, "1:1", "its keys: hadal, op, summary, inputs, outputs, attributes, tolerence"),
        (#""operations": "N * D""#, #""operation": "N * D""#, "13:13", "operation"),
        (#""reads": {"x": "N"}"#, #""reads": {"z": "N"}"#, "13:51", "no input or state 'z'"),
        (#""inputs": ["#, #""inputs": {"#, "6:5", "a key"),
        (#""op": "twice""#, #""op": "twice", "op": "thrice""#, "3:18", "op"),
    ]

    @Test(arguments: faults.indices)
    func faulty(_ index: Int) throws {
        let (old, new, place, fragment) = Self.faults[index]
        #expect(Self.good.contains(old), "\(old)")
        // A value out of its attribute's range disagrees with the contract that declares it.
        let code: HadalError.Code = fragment == "at least 0" ? .mismatch : .malformed
        expectError(code, "op.json:\(place)", fragment) { try read(Self.good.replacingOccurrences(of: old, with: new)) }
    }

    @Test("Cutting a contract anywhere, or changing any byte, is an error or another contract, never a crash")
    func damaged() throws {
        let bytes = Array(Self.good.utf8)
        var random = SplitMix64(seed: 4)
        for _ in 0..<400 {
            var copy = bytes
            let at = Int(random.next() % UInt64(copy.count))
            if random.next() % 2 == 0 { copy[at] = UInt8(truncatingIfNeeded: random.next()) } else { copy.removeSubrange(at...) }
            do { _ = try read(String(decoding: copy, as: UTF8.self)) } catch let error as HadalError {
                #expect(error.place != nil, "\(error)")
            }
        }
    }

    @Test("A folder whose name is not the op's is refused")
    func folderName() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: "\(folder)/thrice", withIntermediateDirectories: true)
        try Self.good.write(toFile: "\(folder)/thrice/op.json", atomically: true, encoding: .utf8)
        expectError(.mismatch, "thrice/op.json", "names op 'twice'") { try OpCatalogue.load(adding: [folder]) }
    }
}
