/// Byte-wise search in UTF-8, which finds exactly what a search by code points finds.
package enum TextSearch {
    /// Byte offset of the first occurrence.
    package static func first(of part: String, in text: String) -> Int? { first(of: Array(part.utf8), in: Array(text.utf8), from: 0) }

    /// Needles up to this long are searched for plainly; longer ones in a way that is linear whatever the text.
    private static let short = 16

    package static func first(of part: [UInt8], in text: [UInt8], from start: Int) -> Int? {
        guard let head = part.first else { return start <= text.count ? start : nil }
        guard start <= text.count, part.count <= text.count - start else { return nil }
        if part.count > short { return knuthMorrisPratt(part, text, from: start) }
        return text.withUnsafeBufferPointer { text in
            part.withUnsafeBufferPointer { part in
                var at = start
                let end = text.count - part.count
                while at <= end {
                    if text[at] == head {
                        var matched = 1
                        while matched < part.count, text[at + matched] == part[matched] { matched += 1 }
                        if matched == part.count { return at }
                    }
                    at += 1
                }
                return nil
            }
        }
    }

    private static func knuthMorrisPratt(_ part: [UInt8], _ text: [UInt8], from start: Int) -> Int? {
        var borders = [Int](repeating: 0, count: part.count)
        var length = 0
        for i in 1..<part.count {
            while length > 0, part[i] != part[length] { length = borders[length - 1] }
            if part[i] == part[length] { length += 1 }
            borders[i] = length
        }
        var matched = 0
        for at in start..<text.count {
            while matched > 0, text[at] != part[matched] { matched = borders[matched - 1] }
            if text[at] == part[matched] { matched += 1 }
            if matched == part.count { return at - part.count + 1 }
        }
        return nil
    }

    /// Byte offset of the last occurrence that ends at or before `end`.
    package static func last(of part: [UInt8], in text: [UInt8], before end: Int) -> Int? {
        guard part.count <= end else { return nil }
        if part.count > short {
            let hit = knuthMorrisPratt(part.reversed(), text[..<end].reversed(), from: 0)
            return hit.map { end - $0 - part.count }
        }
        var at = end - part.count
        while at >= 0 {
            var matched = 0
            while matched < part.count, text[at + matched] == part[matched] { matched += 1 }
            if matched == part.count { return at }
            at -= 1
        }
        return nil
    }

    package static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
