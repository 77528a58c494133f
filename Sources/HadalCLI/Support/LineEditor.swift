import CEditline
import Foundation
import Hadal

/// Reads lines with editing and history on a terminal, plainly otherwise.
final class LineEditor {
    private let historyFile: String?
    private let isTerminal = Terminal.standardInputIsTerminal
    private var isFirstLine = true

    /// - Parameter historyFile: keeps what was typed for later chats; nil: nothing is kept.
    init(historyFile: String?) {
        self.historyFile = historyFile
        guard isTerminal else { return }
        Self.useUTF8()
        using_history()
        if let historyFile { _ = read_history(historyFile) }
    }

    /// libedit drops what the locale's character set does not have, and a program starts in one that has ASCII alone.
    private static func useUTF8() {
        if setlocale(LC_CTYPE, "") != nil, let set = nl_langinfo(Int32(CODESET)), String(cString: set) == "UTF-8" { return }
        _ = setlocale(LC_CTYPE, "C.UTF-8")
    }

    /// nil at the end of the input.
    func read(prompt: String) -> String? {
        guard isTerminal else {
            defer { isFirstLine = false }
            return Swift.readLine().map { isFirstLine ? InputText.withoutMark($0) : $0 }
        }
        guard let line = readline(prompt) else { return nil }
        defer { free(line) }
        let text = String(cString: line)
        if !text.isEmpty {
            _ = add_history(line)
            if let historyFile {
                try? FileManager.default.createDirectory(
                    atPath: (historyFile as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                _ = write_history(historyFile)
            }
        }
        return text
    }
}
