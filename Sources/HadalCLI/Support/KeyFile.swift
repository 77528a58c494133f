import Foundation
import HadalCore
import HadalServer

/// The keys that clients of a server must send.
enum KeyFile {
    /// - Throws: `invalidArgument` for a file that others can read; `malformed` for a line that is not a key; `notFound`; `io`.
    static func read(_ path: String) throws -> [APIKey] {
        var info = stat()
        guard stat(path, &info) == 0 else { throw HadalError(.notFound, "the key file does not exist", at: SourcePlace(path)) }
        guard info.st_mode & 0o077 == 0 else {
            throw HadalError(.invalidArgument, "others than its owner can read the file", at: SourcePlace(path), hint: "chmod 600 \(path)")
        }
        guard let bytes = WholeFile.read(path, limit: 1 << 20) else {
            throw HadalError(.io, "the file cannot be read", at: SourcePlace(path))
        }
        let text = String(decoding: bytes, as: UTF8.self)
        var keys: [APIKey] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
            let key = APIKey(name: parts.count == 2 ? parts[0] : "key \(keys.count + 1)", key: parts.last ?? "")
            guard key.key.utf8.count >= 8, key.key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw HadalError(
                    .malformed, "a key has at least 8 characters, of ASCII without spaces",
                    at: SourcePlace(path, .text(line: index + 1, column: 1)))
            }
            keys.append(key)
        }
        guard !keys.isEmpty else { throw HadalError(.malformed, "the file has no key", at: SourcePlace(path)) }
        return keys
    }
}
