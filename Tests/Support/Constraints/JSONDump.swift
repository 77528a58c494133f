package import HadalCore

/// JSON texts as Python's `json.dumps` writes them.
package struct JSONDump {
    var comma = ", "
    var colon = ": "
    /// What a line is indented by for each level; nil is no lines.
    var indent: String?
    var isASCII = true

    package static let compact = JSONDump(comma: ",", colon: ":")
    package static let all = [
        compact, JSONDump(), JSONDump(comma: ",", indent: "  "), JSONDump(comma: ",", indent: "    ", isASCII: false),
        JSONDump(comma: ",", indent: "\t"), JSONDump(comma: ",", colon: ":", isASCII: false),
    ]

    package func text(_ json: JSON) -> String {
        var out = ""
        write(json, to: &out, level: 0)
        return out
    }

    private func newline(_ out: inout String, _ level: Int) {
        if let indent { out += "\n" + String(repeating: indent, count: level) }
    }

    private func write(_ json: JSON, to out: inout String, level: Int) {
        switch json.value {
        case .array(let items) where !items.isEmpty:
            out += "["
            for (index, item) in items.enumerated() {
                if index > 0 { out += comma }
                newline(&out, level + 1)
                write(item, to: &out, level: level + 1)
            }
            newline(&out, level)
            out += "]"
        case .object(let object) where object.count > 0:
            out += "{"
            for (index, member) in object.members.enumerated() {
                if index > 0 { out += comma }
                newline(&out, level + 1)
                write(member.key, to: &out)
                out += colon
                write(member.value, to: &out, level: level + 1)
            }
            newline(&out, level)
            out += "}"
        case .string(let string): write(string, to: &out)
        default: out += json.text()
        }
    }

    private func write(_ string: String, to out: inout String) {
        var quoted = ""
        JSON.quote(string, to: &quoted)
        guard isASCII else {
            out += quoted
            return
        }
        for unit in quoted.utf16 {
            if unit < 0x7F, let scalar = Unicode.Scalar(unit) {
                out.unicodeScalars.append(scalar)
            } else {
                let hex = String(unit, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            }
        }
    }
}
