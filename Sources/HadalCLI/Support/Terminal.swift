import Foundation
import Hadal
import HadalCore

/// Writing to the terminal: results to stdout at once, everything else to stderr.
enum Terminal {
    static func write(_ text: String, to stream: StandardStream) { stream.write(text) }

    static func out(_ text: String) { write(text, to: .standardOutput) }
    static func line(_ text: String) { out(text + "\n") }
    static func note(_ text: String) { write(text + "\n", to: .standardError) }
    static func error(_ text: String) { note("hadal: \(text)") }
    static func json(_ value: JSON) { line(value.text(indent: 2)) }

    static var standardErrorIsTerminal: Bool { isatty(2) == 1 }
    static var standardInputIsTerminal: Bool { isatty(0) == 1 }

    /// Rows with columns padded to their widest cell.
    static func table(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { c in rows.map { c < $0.count ? $0[c].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { c, cell in
                c == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[c] - cell.count)
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    static func bytes(_ count: Int) -> String { ByteCount(bytes: count).rounded }

    static func number(_ value: Double, _ digits: Int) -> String {
        value.isFinite ? String(format: "%.\(digits)f", value) : "-"
    }
}
