import Foundation
import Hadal
import HadalCore

/// Texts that come from stdin or a file. Editors and shells add to them what is no part of the text.
enum InputText {
    /// A prompt from stdin, without a byte-order mark and without the line end that every text file ends with.
    static func prompt() -> String {
        var text = withoutMark(standardInput())
        // A character of its own in Swift: "\r\n" counts as one line end.
        if let last = text.last, last == "\n" || last == "\r\n" { text.removeLast() }
        return text
    }

    /// JSON from a file, or from stdin for "-". A byte-order mark before it is skipped.
    static func json(_ path: String) throws -> JSONDocument {
        if path == "-" { return try JSONDocument(parsing: withoutMark(standardInput()), file: "stdin") }
        let file = try MappedFile(path: path)
        let bytes = file.bytes
        return try withExtendedLifetime(file) {
            try JSONDocument(parsing: bytes.starts(with: mark) ? UnsafeRawBufferPointer(rebasing: bytes.dropFirst(3)) : bytes, file: path)
        }
    }

    /// A text file, or stdin for "-". A byte-order mark before it is skipped.
    static func file(_ path: String) throws -> String {
        if path == "-" { return withoutMark(standardInput()) }
        let file = try MappedFile(path: path)
        return withoutMark(withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) })
    }

    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    static func withoutMark(_ text: String) -> String {
        text.utf8.starts(with: mark) ? String(decoding: text.utf8.dropFirst(mark.count), as: UTF8.self) : text
    }

    private static func standardInput() -> String { String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self) }
}
