/// Names of parameters, weights, values, blocks and indices.
enum Identifier {
    /// A letter or underscore, then letters, digits and underscores; at most 64 bytes.
    static func isValid(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, bytes.count <= 64 else { return false }
        func letter(_ b: UInt8) -> Bool { (b | 0x20 >= 0x61 && b | 0x20 <= 0x7A) || b == 0x5F }
        return letter(first) && bytes.allSatisfy { letter($0) || ($0 >= 0x30 && $0 <= 0x39) }
    }

    /// Words that expressions and scopes use themselves.
    static let reserved: Set<String> = ["true", "false", "null", "has", "format", "config", "gguf", "arch"]
}
