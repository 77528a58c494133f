import HadalCore

/// HTML's special characters.
enum HTMLText {
    static func escaped(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out.append(contentsOf: "&amp;".unicodeScalars)
            case "<": out.append(contentsOf: "&lt;".unicodeScalars)
            case ">": out.append(contentsOf: "&gt;".unicodeScalars)
            case "'": out.append(contentsOf: "&#39;".unicodeScalars)
            case "\"": out.append(contentsOf: "&#34;".unicodeScalars)
            default: out.append(scalar)
            }
        }
        return String(out)
    }

    /// Text without comments and tags, the common entities decoded, white space made single spaces.
    static func strippedOfTags(_ text: String) -> String {
        var bytes = Array(text.utf8)
        func remove(_ open: String, _ close: String) {
            let (open, close) = (Array(open.utf8), Array(close.utf8))
            var out: [UInt8] = []
            var at = 0
            while let start = TextSearch.first(of: open, in: bytes, from: at),
                let end = TextSearch.first(of: close, in: bytes, from: start + open.count)
            {
                out += bytes[at..<start]
                at = end + close.count
            }
            bytes = out + bytes[at...]
        }
        remove("<!--", "-->")
        remove("<", ">")
        let words = StringMethods.splitWords(TextSearch.string(bytes[...]), limit: nil).joined(separator: " ")
        return unescaped(words)
    }

    private static let entities: [String: Unicode.Scalar] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}", "copy": "\u{A9}", "reg": "\u{AE}",
        "hellip": "\u{2026}",
        "mdash": "\u{2014}", "ndash": "\u{2013}", "lsquo": "\u{2018}", "rsquo": "\u{2019}", "ldquo": "\u{201C}", "rdquo": "\u{201D}",
    ]

    static func unescaped(_ text: String) -> String {
        var out = ""
        var rest = Substring(text)
        while let start = rest.firstIndex(of: "&") {
            out += rest[..<start]
            rest = rest[start...]
            let body = rest.dropFirst()
            if let end = body.prefix(12).firstIndex(of: ";"), let scalar = entity(body[..<end]) {
                out.unicodeScalars.append(scalar)
                rest = body[body.index(after: end)...]
            } else {
                out += "&"
                rest = body
            }
        }
        return out + rest
    }

    private static func entity(_ name: Substring) -> Unicode.Scalar? {
        guard name.first == "#" else { return entities[String(name)] }
        let digits = name.dropFirst()
        let isHex = digits.first == "x" || digits.first == "X"
        return (isHex ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)).flatMap(Unicode.Scalar.init)
    }
}
