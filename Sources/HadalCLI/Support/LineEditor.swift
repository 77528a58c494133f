import CEditline
import Foundation
import Hadal

/// Reads lines with editing and history on a terminal, plainly otherwise.
final class LineEditor {
    private let historyFile: String
    private let isTerminal = Terminal.standardInputIsTerminal

    init(historyFile: String) {
        self.historyFile = historyFile
        guard isTerminal else { return }
        using_history()
        _ = read_history(historyFile)
    }

    /// nil at the end of the input.
    func read(prompt: String) -> String? {
        guard isTerminal else { return Swift.readLine() }
        guard let line = readline(prompt) else { return nil }
        defer { free(line) }
        let text = String(cString: line)
        if !text.isEmpty {
            _ = add_history(line)
            try? FileManager.default.createDirectory(
                atPath: (historyFile as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            _ = write_history(historyFile)
        }
        return text
    }
}
