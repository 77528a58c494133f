import Foundation
import HadalCore
import TestSupport
import Testing

/// What a chat on a terminal leaves behind of the lines that were typed.
@Suite("History of chats")
struct ChatHistoryTests {
    /// Gives a program a terminal.
    private static let script = ChildProcess.find(["script"])

    @Test(
        "typed lines are kept for the user alone, and not with --no-history",
        .enabled(if: script != nil, "needs script, which makes terminals"))
    func history() throws {
        let script = try #require(Self.script)
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try ScriptedModel.thinker().write(to: "\(folder)/model.gguf")
        let history = "\(folder)/data/hadal/chat-history"
        func chat(_ more: String) throws -> CommandRun {
            try CommandRun(
                ["-qec", "'\(CommandRun.executable)' chat '\(folder)/model.gguf' --temperature 0 \(more)", "/dev/null"],
                input: "Where is it?\n/exit\n", environment: ["XDG_DATA_HOME": "\(folder)/data", "TERM": "dumb"], executable: script)
        }
        let silent = try chat("--no-history")
        #expect(silent.status == 0 && silent.out.contains("Paris."), "\(silent.out)")
        #expect(!FileManager.default.fileExists(atPath: history))
        let usual = try chat("")
        #expect(usual.status == 0 && usual.out.contains("Paris."), "\(usual.out)")
        #expect(try String(contentsOfFile: history, encoding: .utf8).contains("Where"))
        let mode = try FileManager.default.attributesOfItem(atPath: history)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }
}
