extension JSON {
    /// The value as JSON text: compact with `", "` and `": "`, or indented by `indent` spaces a level.
    ///
    /// Doubles are written in Swift's shortest round-trip form; NaN and infinities, which JSON cannot say, as null.
    package func text(indent: Int? = nil) -> String {
        var out = ""
        write(to: &out, indent: indent, level: 0)
        return out
    }

    private func write(to out: inout String, indent: Int?, level: Int) {
        func newline(_ level: Int) { if let indent { out += "\n" + String(repeating: " ", count: indent * level) } }
        switch value {
        case .null: out += "null"
        case .bool(let b): out += b ? "true" : "false"
        case .int(let i): out += String(i)
        case .bigInteger(let i): out += i.description
        case .double(let d): out += d.isFinite ? "\(d)" : "null"
        case .string(let s): JSON.quote(s, to: &out)
        case .array(let items):
            if items.isEmpty { out += "[]"; return }
            // Rows of scalars stay on one line even when indenting.
            let flat = items.allSatisfy { $0.array == nil && $0.object == nil }
            out += "["
            for (i, item) in items.enumerated() {
                if i > 0 { out += indent != nil && !flat ? "," : ", " }
                if !flat { newline(level + 1) }
                item.write(to: &out, indent: indent, level: level + 1)
            }
            if !flat { newline(level) }
            out += "]"
        case .object(let object):
            if object.count == 0 { out += "{}"; return }
            out += "{"
            for (i, member) in object.members.enumerated() {
                if i > 0 { out += indent == nil ? ", " : "," }
                newline(level + 1)
                JSON.quote(member.key, to: &out)
                out += ": "
                member.value.write(to: &out, indent: indent, level: level + 1)
            }
            newline(level)
            out += "}"
        }
    }

    /// Appends a quoted JSON string; non-ASCII text is kept.
    package static func quote(_ text: String, to out: inout String) {
        out += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\u{08}": out += "\\b"
            case "\u{0C}": out += "\\f"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
