/// Describes the beginning of a file for an error message.
enum FirstBytes {
    /// For example `"# My not" (23 20 4D 79 20 6E 6F 74)`; the text only when all of it is printable ASCII.
    static func describe(_ bytes: UnsafeRawBufferPointer, limit: Int = 8) -> String {
        let head = Array(bytes.prefix(limit))
        guard !head.isEmpty else { return "nothing: the file is empty" }
        let hex = head.map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return digits.count == 1 ? "0\(digits)" : digits
        }.joined(separator: " ")
        let printable = head.allSatisfy { (0x20..<0x7F).contains($0) || [0x09, 0x0A, 0x0D].contains($0) }
        guard printable else { return hex }
        let text = String(decoding: head.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
        return "\"\(text)\" (\(hex))"
    }
}
