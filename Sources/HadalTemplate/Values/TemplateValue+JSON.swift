import HadalCore

extension TemplateValue {
    /// The Python value that `json.loads` would make of it.
    init(_ json: JSON) {
        switch json.value {
        case .null: self = .null
        case .bool(let b): self = .bool(b)
        case .int(let i): self = .int(Int(i))
        case .bigInteger(let i): self = .integer(i)
        case .double(let d): self = .float(d)
        case .string(let s): self = .string(s)
        case .array(let items): self = .list(items.map { TemplateValue($0) })
        case .object(let object):
            let dictionary = TemplateDictionary()
            for member in object.members { dictionary.set(member.key, TemplateValue(member.value)) }
            self = .dict(dictionary)
        }
    }
}
