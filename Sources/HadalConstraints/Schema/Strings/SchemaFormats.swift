/// The values of `format` that are enforced, as expressions.
enum SchemaFormats {
    /// nil for a name that is no format of numbers.
    static func numbers(_ name: String) -> NumberSet? {
        func between(_ low: String, _ high: String) -> NumberSet {
            NumberSet(NumberInterval(lower: DecimalNumber(text: low), upper: DecimalNumber(text: high)))
        }
        // OpenAPI's, and those of Rust's types.
        switch name {
        case "int": return .integers
        case "uint": return NumberSet(NumberInterval(lower: .zero)).intersection(.integers)
        case "int128":
            return between("-170141183460469231731687303715884105728", "170141183460469231731687303715884105727").intersection(.integers)
        case "uint128": return between("0", "340282366920938463463374607431768211455").intersection(.integers)
        case "int8": return between("-128", "127").intersection(.integers)
        case "int16": return between("-32768", "32767").intersection(.integers)
        case "int32": return between("-2147483648", "2147483647").intersection(.integers)
        case "int64": return between("-9223372036854775808", "9223372036854775807").intersection(.integers)
        case "uint8": return between("0", "255").intersection(.integers)
        case "uint16": return between("0", "65535").intersection(.integers)
        case "uint32": return between("0", "4294967295").intersection(.integers)
        case "uint64": return between("0", "18446744073709551615").intersection(.integers)
        // What rounds to a finite number of the type, up to its largest.
        case "float": return between("-340282346638528859811704183484516925440", "340282346638528859811704183484516925440")
        case "double": return between("-1" + String(repeating: "0", count: 307), "1" + String(repeating: "0", count: 307))
        default: return nil
        }
    }

    static func strings(_ name: String) -> CharacterRegex? { known[name] ?? nil }

    private static let known: [String: CharacterRegex?] = [
        "date": whole(date), "time": whole(time), "date-time": whole(date + "[Tt]" + time), "duration": whole(duration),
        "email": whole(email), "idn-email": whole(idnEmail), "hostname": hostname, "idn-hostname": hostname,
        // The names of draft 3.
        "host-name": hostname, "ip-address": whole(ipv4),
        "ipv4": whole(ipv4), "ipv6": whole(ipv6), "uuid": whole("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        "uri": URIFormat.uri, "uri-reference": URIFormat.reference, "iri": URIFormat.iri, "iri-reference": URIFormat.iriReference,
        "url": URIFormat.uri, "uri-template": whole(URIFormat.template),
        "json-pointer": whole(pointer), "relative-json-pointer": whole("(?:0|[1-9][0-9]*)(?:#|\(pointer))"),
        "regex": whole(RegexFormat.pattern), "byte": whole("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
    ]

    static func whole(_ pattern: String) -> CharacterRegex? { try? RegexReader.read(pattern, mode: .whole) }

    // RFC 3339. Year 0 is left out, which Python and others do not know, and so are leap seconds.
    private static let year = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
    private static let leapYear = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
    private static let date =
        "(?:\(year)-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
        + "|02-(?:0[1-9]|1[0-9]|2[0-8]))|\(leapYear)-02-29)"
    private static let time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

    // RFC 3339, appendix A.
    private static let duration: String = {
        let clock = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
        let days = "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
        return "P(?:\(days)(?:\(clock))?|\(clock)|[0-9]+W)"
    }()

    private static let label = "(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9])"
    private static let atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    private static let email = "\(atom)(?:\\.\(atom))*@\(label)(?:\\.\(label))*"
    private static let idnEmail = "[^\\s@\"(),:;<>\\[\\]\\\\\\x00-\\x1F\\x7F]+@[^\\s@\"(),:;<>\\[\\]\\\\\\x00-\\x1F\\x7F]+"

    /// RFC 1123. Hyphens as third and fourth characters are those of encoded labels, whose contents would have to be checked.
    ///
    /// 253 characters in all are counted by labels, as the longer ones are fewer: an expression for each limit needs no intersection.
    private static let hostname: CharacterRegex? = {
        let (edge, inner) = ("[A-Za-z0-9]", "[A-Za-z0-9-]")
        let forms = [(63, 3), (41, 6), (20, 12), (9, 25)].map { length, count in
            let long = "(?:\(edge)\(inner)|-\(edge))\(inner){0,\(length - 5)}"
            let label = "\(edge)(?:(?:\(inner)(?:\(inner)|\(long))?)?\(edge))?"
            return "\(label)(?:\\.\(label)){0,\(count - 1)}"
        }
        return whole("(?:\(forms.joined(separator: "|")))")
    }()

    static let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    static let ipv4 = "\(octet)(?:\\.\(octet)){3}"

    // RFC 4291: eight groups, of which "::" stands for one or more zero ones.
    static let ipv6: String = {
        let group = "[0-9a-fA-F]{1,4}"
        let last = "(?:\(group):\(group)|\(ipv4))"
        var forms = ["(?:\(group):){6}\(last)"]
        for before in 0...5 {
            let head = before == 0 ? "" : "(?:\(group):){0,\(before - 1)}\(group)"
            forms.append("(?:\(head))?::(?:\(group):){\(5 - before)}\(last)")
        }
        forms.append("(?:(?:\(group):){0,5}\(group))?::\(group)")
        forms.append("(?:(?:\(group):){0,6}\(group))?::")
        return "(?:\(forms.joined(separator: "|")))"
    }()

    // RFC 6901.
    private static let pointer = "(?:/(?:[^~/]|~[01])*)*"
}
