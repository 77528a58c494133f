import HadalCore

extension JSONFields {
    /// An array of strings; empty when the key is absent.
    mutating func strings(_ key: String) throws -> [String] {
        try (optionalArray(key) ?? []).map { item in
            guard let text = item.string else { throw fail("'\(key)' holds strings, not \(item.kindName)", at: item) }
            return text
        }
    }
}
