/// Helpers over buffers of valid UTF-8.
enum UTF8Text {
    /// Bytes of the character that starts with `lead`.
    @inline(__always)
    static func length(_ lead: UInt8) -> Int {
        lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    }

    /// The scalar at `at` and where the next one starts. The text must be valid UTF-8.
    @inline(__always)
    static func scalar(_ text: UnsafeBufferPointer<UInt8>, at: Int) -> (value: UInt32, next: Int) {
        let lead = text[at]
        if lead < 0x80 { return (UInt32(lead), at + 1) }
        let length = length(lead)
        var value = UInt32(lead) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
        for i in 1..<length { value = value << 6 | UInt32(text[at + i] & 0x3F) }
        return (value, at + length)
    }

    /// The White_Space property of Unicode.
    @inline(__always)
    static func isWhiteSpace(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    static func isASCII(_ text: some Sequence<UInt8>) -> Bool { text.allSatisfy { $0 < 0x80 } }

    /// Where the white space that ends `text` starts.
    static func trailingSpaceStart(_ text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) -> Int {
        var end = end
        while end > start {
            var at = end - 1
            while at > start, text[at] & 0xC0 == 0x80 { at -= 1 }
            guard isWhiteSpace(scalar(text, at: at).value) else { break }
            end = at
        }
        return end
    }

    /// Where the white space that starts at `start` ends.
    static func leadingSpaceEnd(_ text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) -> Int {
        var at = start
        while at < end {
            let (value, next) = scalar(text, at: at)
            guard isWhiteSpace(value) else { break }
            at = next
        }
        return at
    }

    /// `text` with every occurrence of `pattern` replaced.
    static func replacing(_ pattern: [UInt8], with content: [UInt8], in text: [UInt8]) -> [UInt8] {
        guard let first = pattern.first, text.count >= pattern.count else { return text }
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        var at = 0
        while at < text.count {
            if text[at] == first, at + pattern.count <= text.count, text[at..<at + pattern.count].elementsEqual(pattern) {
                out += content
                at += pattern.count
            } else {
                out.append(text[at])
                at += 1
            }
        }
        return out
    }
}
