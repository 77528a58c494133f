import Foundation
import HadalCore
import TestSupport
import Testing

/// `hadal chat --live-kernels` as somebody who edits a kernel beside it sees it.
@Suite("Live kernels", .serialized, .enabled(if: KernelDirectory.compiler != nil, "needs a C compiler"))
struct LiveKernelTests {
    /// A chat that goes on until it is told to end.
    private final class Chat: @unchecked Sendable {
        private let process = Process()
        private let input = Pipe()
        private let lock = NSLock()
        private var out = ""
        private var error = ""

        init(_ arguments: [String], environment: [String: String]) throws {
            process.executableURL = URL(fileURLWithPath: CleanLaunch.shell)
            process.arguments = CleanLaunch.arguments(CommandRun.executable, arguments)
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
            let (output, errors) = (Pipe(), Pipe())
            process.standardInput = input
            process.standardOutput = output
            process.standardError = errors
            output.fileHandleForReading.readabilityHandler = { [weak self] in
                self?.append(String(decoding: $0.availableData, as: UTF8.self), isError: false)
            }
            errors.fileHandleForReading.readabilityHandler = { [weak self] in
                self?.append(String(decoding: $0.availableData, as: UTF8.self), isError: true)
            }
            try process.run()
        }

        private func append(_ text: String, isError: Bool) { lock.withLock { if isError { error += text } else { out += text } } }

        func say(_ line: String) { input.fileHandleForWriting.write(Data("\(line)\n".utf8)) }

        /// Waits until stderr or stdout has a text so many times.
        func wait(_ text: String, times: Int = 1, inErrors: Bool = true) throws {
            let deadline = Date(timeIntervalSinceNow: 120)
            while Date() < deadline {
                let all = lock.withLock { inErrors ? error : out }
                if all.components(separatedBy: text).count > times { return }
                if !process.isRunning { break }
                Thread.sleep(forTimeInterval: 0.02)
            }
            throw HadalError(.notFound, "'\(text)' never came; it said: \(lock.withLock { out + error })")
        }

        func end() throws -> Int32 {
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    @Test("kernels that crash or hang are refused, right ones are taken, and the chat goes on", arguments: [[], ["--offline"]])
    func chat(more: [String]) throws {
        let (directory, folder) = (try KernelDirectory.stock("glu"), try KernelDirectory())
        try ScriptedModel.thinker().write(to: "\(folder.path)/model.gguf")
        let chat = try Chat(
            ["chat", "\(folder.path)/model.gguf", "--temperature", "0", "--live-kernels", "--kernels", directory.path] + more,
            environment: ["XDG_CACHE_HOME": folder.path])
        chat.say("Where?")
        try chat.wait("Paris.", inErrors: false)
        let start = "int64_t i, end;"
        try directory.edit("glu/cpu.c", start, "int64_t i, end;\n    *(volatile int *)8 = 1;")
        try chat.wait("stays as it was: it crashed its check")
        try directory.edit("glu/cpu.c", "*(volatile int *)8 = 1;", "int wrong = ;")
        try chat.wait("\(directory.path)/glu/cpu.c:17:")
        chat.say("And now?")
        try chat.wait("Paris.", times: 2, inErrors: false)
        try directory.edit("glu/cpu.c", "int wrong = ;", "")
        try chat.wait("\(directory.path)/glu: the cpu kernel of 'glu' is in use from here on")
        chat.say("And then?")
        try chat.wait("Paris.", times: 3, inErrors: false)
        #expect(try chat.end() == 0)
        #expect(FileManager.default.fileExists(atPath: "\(folder.path)/hadal/kernels"))
    }

    @Test("directories come from --kernels and from the environment")
    func directories() throws {
        let (directory, folder) = (try KernelDirectory.relu2(), try KernelDirectory())
        let architecture = Fixtures.path("kernels/relu2.json")
        #expect(try CommandRun(["arch", "check", architecture]).status == 1)
        #expect(try CommandRun(["arch", "check", architecture, "--kernels", directory.path]).status == 0)
        let environment = ["HADAL_KERNEL_PATH": directory.path, "XDG_CACHE_HOME": folder.path]
        #expect(try CommandRun(["arch", "check", architecture], environment: environment).status == 0)
        let model = [
            "logits", Fixtures.path("models/llama"), "--architecture", architecture, "--tokens", "3,5,7", "-o",
            "\(folder.path)/out.safetensors",
        ]
        let run = try CommandRun(model, environment: environment)
        #expect(run.status == 0, "\(run.error)")
        let entries = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/hadal/kernels")
        #expect(entries.count == 1 && entries[0].hasPrefix("relu2_gate-"), "\(entries)")
        // No compiler: what is needed, and what was looked for.
        let none = try CommandRun(model, environment: environment.merging(["PATH": "/nonexistent"]) { $1 })
        #expect(
            none.status == 1 && none.error.contains("needs a C compiler: there is no cc, clang, gcc on the search path"), "\(none.error)")
    }

    @Test("a verdict comes from a process of its own")
    func verdict() throws {
        let directory = try KernelDirectory.stock("scale")
        func candidate(_ backend: String) -> String {
            "{\"op\": \"scale\", \"directory\": \"\(directory.path)\", \"backend\": \"\(backend)\", \"device\": 0, \"options\": {}, \"plugins\": [], \"kernels\": []}"
        }
        let good = try CommandRun(["kernel-verdict", candidate("cpu")])
        #expect(good.status == 0 && good.out.contains("\"fault\": null"), "\(good.out)\(good.error)")
        let bad = try CommandRun(["kernel-verdict", candidate("no-such")])
        #expect(bad.status == 0 && bad.out.contains("there is no backend 'no-such'"), "\(bad.out)\(bad.error)")
        #expect(try CommandRun(["kernel-verdict", "{"]).out.contains("\"fault\": \""))
        #expect(!(try CommandRun(["--help"]).out.contains("kernel-verdict")))
    }
}
