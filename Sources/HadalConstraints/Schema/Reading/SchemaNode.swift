import HadalCore

/// A schema inside its document.
package struct SchemaNode {
    let json: JSON
    /// RFC 6901, from the root of the document.
    let pointer: String
    /// Index of the schema that gave the URI which references are relative to.
    let resource: Int

    /// One step of a JSON pointer, with its escapes.
    static func escaped(_ token: String) -> String {
        guard token.contains("~") || token.contains("/") else { return token }
        var result = ""
        for character in token.unicodeScalars {
            switch character {
            case "~": result += "~0"
            case "/": result += "~1"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    package static func unescaped(_ token: Substring) -> String {
        guard token.contains("~") else { return String(token) }
        var result = ""
        var rest = token[...]
        while let tilde = rest.firstIndex(of: "~") {
            result += rest[..<tilde]
            rest = rest[rest.index(after: tilde)...]
            if rest.hasPrefix("0") || rest.hasPrefix("1") { result += rest.removeFirst() == "0" ? "~" : "/" } else { result += "~" }
        }
        return result + rest
    }
}
