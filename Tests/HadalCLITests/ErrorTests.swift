import Foundation
import HadalCore
import TestSupport
import Testing

/// What a user sees when something is wrong: one clear line, exit status 1, and no wait.
@Suite("Command line errors", .serialized)
struct ErrorTests {
    private func temporary(_ body: (String) throws -> Void) throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func expectFailure(_ arguments: [String], _ fragments: String...) throws {
        let start = ContinuousClock.now
        let run = try CommandRun(arguments)
        #expect(run.status == 1, "\(arguments): \(run.error)")
        #expect(run.error.split(separator: "\n").count == 1, "\(run.error)")
        #expect(run.out.isEmpty)
        for fragment in fragments { #expect(run.error.contains(fragment), "'\(fragment)' in: \(run.error)") }
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test(arguments: ["1,,2", "1,2,", ",", "", "1;2", "x", "[1,2"])
    func tokensThatAreNoList(text: String) throws {
        let run = try CommandRun(["generate-ids", Fixtures.path("models/llama"), "--tokens", text, "-n", "1", "--backend", "reference"])
        #expect(run.status == 2, "\(run.error)")
    }

    @Test func missingFile() throws { try expectFailure(["run", "missing.gguf", "-p", "x"], "missing.gguf") }

    @Test func textFileNamedGGUF() throws {
        try temporary { folder in
            try "just some text\n".write(toFile: "\(folder)/a.gguf", atomically: true, encoding: .utf8)
            try expectFailure(["run", "\(folder)/a.gguf", "-p", "x"], "a.gguf", "GGUF")
        }
    }

    @Test func pipeInPlaceOfAModel() throws {
        try temporary { folder in
            #expect(mkfifo("\(folder)/a.gguf", 0o600) == 0)
            try expectFailure(["run", "\(folder)/a.gguf", "-p", "x"], "a.gguf", "not a regular file")
            try expectFailure(
                ["logits", Fixtures.path("models/llama"), "--tokens", "1", "-o", "\(folder)/no/x", "--backend", "reference"],
                "no directory", "/no")
            try expectFailure(
                ["logits", Fixtures.path("models/llama"), "--tokens", "1", "-o", folder, "--backend", "reference"], "directory")
        }
    }

    private func copyOfModel(_ folder: String, _ change: (inout String) -> Void) throws -> String {
        let model = "\(folder)/model"
        try FileManager.default.copyItem(atPath: Fixtures.path("models/llama"), toPath: model)
        var config = try String(contentsOfFile: "\(model)/config.json", encoding: .utf8)
        change(&config)
        try config.write(toFile: "\(model)/config.json", atomically: true, encoding: .utf8)
        return model
    }

    /// A model of 384 ids with a vocabulary of two tokens.
    @Test func idsWithoutATokenAndAFullContext() throws {
        try temporary { folder in
            let model = try copyOfModel(folder) { _ in }
            let vocabulary = #"{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}}"#
            try vocabulary.write(toFile: "\(model)/tokenizer.json", atomically: true, encoding: .utf8)
            let arguments = ["run", model, "--raw", "-p", "ab", "--temperature", "0", "--ignore-eos", "--backend", "reference"]
            let run = try CommandRun(arguments + ["--max-tokens", "6"])
            #expect(run.status == 0, "\(run.error)")
            let full = try CommandRun(arguments + ["--context", "5"])
            #expect(full.status == 1 && full.error.contains("the context of 5 tokens is full"), "\(full.error)")
        }
    }

    /// Rewrites the JSON header of a safetensors file without moving the data.
    private func editHeader(_ path: String, _ change: (inout String) -> Void) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let length = bytes.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        var header = String(decoding: bytes[8..<(8 + length)], as: UTF8.self)
        change(&header)
        var text = Data(header.utf8)
        while text.count % 8 != 0 { text.append(0x20) }
        var size = Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
        size.append(text)
        bytes.replaceSubrange(0..<(8 + length), with: size)
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    @Test func unknownModelType() throws {
        try temporary { folder in
            let model = try copyOfModel(folder) {
                $0 = $0.replacingOccurrences(of: "\"model_type\": \"llama\"", with: "\"model_type\": \"nosuch\"")
            }
            try expectFailure(["run", model, "-p", "x"], "nosuch", "config.json:", "known architectures")
        }
    }

    @Test func wrongShape() throws {
        try temporary { folder in
            let model = try copyOfModel(folder) {
                $0 = $0.replacingOccurrences(of: "\"intermediate_size\": 160", with: "\"intermediate_size\": 128")
            }
            try expectFailure(["generate-ids", model, "--tokens", "1", "--backend", "reference"], "160", "128", "mlp", "model.safetensors")
        }
    }

    @Test func missingTensor() throws {
        try temporary { folder in
            let model = try copyOfModel(folder) { _ in }
            try editHeader("\(model)/model.safetensors") {
                $0 = $0.replacingOccurrences(of: "model.layers.1.mlp.up_proj.weight", with: "model.layers.1.mlp.xx_proj.weight")
            }
            try expectFailure(["generate-ids", model, "--tokens", "1", "--backend", "reference"], "model.layers.1.mlp.up_proj.weight")
        }
    }

    @Test("a model larger than the memory says so at once, and can still be inspected and planned")
    func tooLarge() throws {
        try temporary { folder in
            let model = "\(folder)/large.gguf"
            try LargeModel.write(to: model)
            try expectFailure(["run", model, "--raw", "-p", "x", "--backend", "reference"], "large.gguf", "bytes", "hadal plan")
            #expect(try CommandRun(["inspect", model]).status == 0)
            for backend in ["reference", "cpu"] {
                let plan = try CommandRun(["plan", model, "--backend", backend])
                #expect(plan.status == 0 && plan.out.contains("do not fit") && plan.out.contains("this cannot be loaded"), "\(plan.out)")
                // What the plan says stands in the way is what loading says.
                let json = try CommandRun(["plan", model, "--json", "--backend", backend])
                let obstacle = try JSONDocument(parsing: json.out, file: "plan").root["obstacle"]?.string
                let refused = try CommandRun(["generate-ids", model, "--tokens", "1", "--backend", backend])
                #expect(
                    refused.status == 1 && obstacle.map { refused.error.contains($0) } == true, "\(obstacle ?? "none"): \(refused.error)")
            }
        }
    }

    @Test func unknownBackend() throws {
        try expectFailure(["generate-ids", Fixtures.path("models/llama"), "--tokens", "1", "--backend", "nosuch"], "nosuch", "reference")
    }

    @Test func unknownOption() throws {
        try expectFailure(
            ["generate-ids", Fixtures.path("models/llama"), "--tokens", "1", "--backend", "reference", "--set", "reference.nosuch=1"],
            "nosuch", "threads")
        try expectFailure(
            ["generate-ids", Fixtures.path("models/llama"), "--tokens", "1", "--backend", "reference", "--set", "nosuch.threads=1"],
            "nosuch")
    }

    @Test func tokenOutsideVocabulary() throws {
        try expectFailure(["generate-ids", Fixtures.path("models/llama"), "--tokens", "1,9999", "--backend", "reference"], "9999", "384")
    }

    @Test func fullContext() throws {
        try expectFailure(
            ["generate-ids", Fixtures.path("models/llama"), "--tokens", "1,2,3,4,5", "--context", "4", "--backend", "reference"], "context",
            "4")
    }

    @Test(
        "mistakes on the command line exit 2",
        arguments: [
            ["run"], ["nosuch"], ["run", "m", "-p", "x", "--fallback", "maybe"], ["bench", "m", "-p", "0"],
            ["trace", "m", "-p", "x", "-n=-1"],
        ])
    func usage(_ arguments: [String]) throws { #expect(try CommandRun(arguments).status == 2) }

    @Test func help() throws {
        let run = try CommandRun(["--help"])
        #expect(run.status == 0)
        for command in [
            "run", "chat", "logits", "generate-ids", "tokenize", "template", "inspect", "bench", "trace", "plan", "doctor", "backends",
            "plugin", "arch", "pull", "models", "synth",
        ] {
            #expect(run.out.contains("  \(command) "), "\(command)")
        }
    }

    @Test("without the cpu plugin the rest works and says what is missing")
    func withoutCPU() throws {
        try temporary { folder in
            let files = FileManager.default
            for name in try files.contentsOfDirectory(atPath: Fixtures.products)
            where name.hasSuffix(".resources") || name == "libhadal-reference.so" {
                try files.createSymbolicLink(atPath: "\(folder)/\(name)", withDestinationPath: "\(Fixtures.products)/\(name)")
            }
            try files.copyItem(atPath: CommandRun.executable, toPath: "\(folder)/hadal")
            let model = Fixtures.path("models/llama")
            let cpu = try CommandRun(["generate-ids", model, "--tokens", "1", "-n", "2"], executable: "\(folder)/hadal")
            #expect(cpu.status == 1 && cpu.error.contains("libhadal-cpu.so"), "\(cpu.error)")
            let reference = try CommandRun(
                ["generate-ids", model, "--tokens", "1", "-n", "2", "--backend", "reference"], executable: "\(folder)/hadal")
            #expect(reference.status == 0, "\(reference.error)")
        }
    }

    @Test func speculation() throws {
        for wrong in ["ngram", "draft:", "MTP", ""] {
            for command in [
                ["run", "no.gguf", "-p", "x"], ["generate-ids", "no.gguf", "--tokens", "1"], ["bench", "no.gguf"], ["chat", "no.gguf"],
            ] {
                let run = try CommandRun(command + ["--speculate", wrong])
                #expect(run.status == 2 && run.error.contains("--speculate"), "\(command) \(wrong): \(run.error)")
            }
        }
        let llama = Fixtures.path("models/llama")
        try expectFailure(["generate-ids", llama, "--tokens", "1", "--speculate", "mtp"], "predicts the token after the next")
        try expectFailure(["generate-ids", llama, "--tokens", "1", "--speculate", "draft:missing.gguf"], "missing.gguf")
        try expectFailure(
            ["generate-ids", llama, "--tokens", "1", "--speculate", "draft:\(Fixtures.path("models/gemma3_text"))"], "352", "384")
        try expectFailure(
            ["generate-ids", llama, "--tokens", "1", "--speculate", "draft:\(llama)", "--backend", "example", "--fallback", "warn"],
            "example")
    }
}
