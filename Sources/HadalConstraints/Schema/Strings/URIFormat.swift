/// RFC 3986, RFC 3987 and RFC 6570 as regular expressions.
enum URIFormat {
    private static let encoded = "%[0-9A-Fa-f]{2}"

    /// - Parameter more: characters that count as unreserved, as members of a class.
    /// - Returns: what follows a scheme, and what stands without one.
    private static func parts(_ more: String) -> (hierarchy: String, relative: String, tail: String) {
        let plain = "A-Za-z0-9._~!$&'()*+,;=" + more
        let character = "(?:[\(plain):@-]|\(encoded))"
        let path = "(?:/\(character)*)*"
        let host = "(?:\\[\(SchemaFormats.ipv6)\\]|(?:[\(plain)-]|\(encoded))*)"
        let authority = "(?:(?:[\(plain):-]|\(encoded))*@)?\(host)(?::[0-9]*)?"
        let tail = "(?:\\?(?:\(character)|[/?])*)?(?:#(?:\(character)|[/?])*)?"
        let hierarchy = "(?://\(authority)\(path)|/(?:\(character)+\(path))?|\(character)+\(path)|)"
        let relative = "(?://\(authority)\(path)|/(?:\(character)+\(path))?|(?:[\(plain)@-]|\(encoded))+\(path)|)"
        return (hierarchy, relative, tail)
    }

    private static func absolute(_ more: String) -> CharacterRegex? {
        let parts = parts(more)
        return SchemaFormats.whole("[A-Za-z][A-Za-z0-9+.-]*:\(parts.hierarchy)\(parts.tail)")
    }

    private static func reference(_ more: String) -> CharacterRegex? {
        let parts = parts(more)
        return SchemaFormats.whole("(?:[A-Za-z][A-Za-z0-9+.-]*:\(parts.hierarchy)|\(parts.relative))\(parts.tail)")
    }

    private static let international = "\u{A0}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFEF}"

    static let uri = absolute("")
    static let reference = reference("")
    static let iri = absolute(international)
    static let iriReference = reference(international)

    static let template: String = {
        let name = "(?:[A-Za-z0-9_]|\(encoded))(?:\\.?(?:[A-Za-z0-9_]|\(encoded)))*"
        let variable = "\(name)(?::[1-9][0-9]{0,3}|\\*)?"
        return "(?:[A-Za-z0-9._~:/?#\\[\\]@!$&()*+,;=-]|\(encoded)|\\{[+#./;?&]?\(variable)(?:,\(variable))*\\})*"
    }()
}
