extension TextSearch {
    /// The first place where any of the parts occurs, and which: of several at one place the longest. Empty parts are not found.
    package static func earliest(of parts: [[UInt8]], in text: [UInt8], from start: Int = 0) -> (offset: Int, part: Int)? {
        var best: (offset: Int, part: Int)?
        for (index, part) in parts.enumerated() where !part.isEmpty {
            guard let offset = first(of: part, in: text, from: start) else { continue }
            if let known = best, (known.offset, -parts[known.part].count) <= (offset, -part.count) { continue }
            best = (offset, index)
        }
        return best
    }

    /// How many bytes at the end of a text may be the beginning of one of the parts.
    package static func partial(of parts: [[UInt8]], atEndOf text: [UInt8]) -> Int {
        var longest = 0
        for part in parts {
            var length = min(part.count - 1, text.count)
            while length > longest {
                if text.suffix(length).elementsEqual(part.prefix(length)) { longest = length }
                length -= 1
            }
        }
        return longest
    }
}
