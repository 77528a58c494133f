import HadalCore

/// Python's `str` and `repr`.
extension TemplateValue {
    /// `str(value)`
    func printed(_ run: TemplateRun) throws -> String {
        switch self {
        case .undefined: return ""
        case .string(let s), .markup(let s): return s
        default: return try represented(run)
        }
    }

    /// `repr(value)`
    func represented(_ run: TemplateRun) throws -> String {
        var out = ""
        try represent(run, into: &out)
        return out
    }

    func represent(_ run: TemplateRun, into out: inout String) throws {
        switch self {
        case .undefined: out += "Undefined"
        case .null: out += "None"
        case .bool(let b): out += b ? "True" : "False"
        case .int(let i): out += String(i)
        case .bigInteger(let i): out += i.description
        case .float(let d): out += PythonNumber.text(d)
        case .string(let s): out += PythonText.quoted(s)
        case .markup(let s): out += "Markup(" + PythonText.quoted(s) + ")"
        case .list(let list):
            out += "["
            try TemplateValue.represent(list.items, run, into: &out)
            out += "]"
        case .tuple(let list): try TemplateValue.representTuple(list.items, run, into: &out)
        case .dict(let dictionary): try TemplateValue.represent(dictionary, run, into: &out)
        case .object(let object):
            try run.charge(1)
            switch object {
            case let namespace as TemplateNamespace:
                try run.nested {
                    out += "<Namespace "
                    try TemplateValue.represent(namespace.attributes, run, into: &out)
                    out += ">"
                }
            case let view as TemplateDictionaryView:
                out += view.typeName + "(["
                try TemplateValue.represent(view.items, run, into: &out)
                out += "])"
            case let loop as TemplateLoop: out += "<LoopContext \(loop.index + 1)/\(try loop.length(run))>"
            case let group as TemplateGroup: try TemplateValue.representTuple([group.grouper, group.list], run, into: &out)
            default: out += object.text
            }
        }
    }

    private static func representTuple(_ items: [TemplateValue], _ run: TemplateRun, into out: inout String) throws {
        out += "("
        try represent(items, run, into: &out)
        out += items.count == 1 ? ",)" : ")"
    }

    private static func represent(_ items: [TemplateValue], _ run: TemplateRun, into out: inout String) throws {
        try run.nested {
            for (i, item) in items.enumerated() {
                if i > 0 { out += ", " }
                try run.charge(1)
                try item.represent(run, into: &out)
                try run.check(bytes: out.utf8.count)
            }
        }
    }

    private static func represent(_ dictionary: TemplateDictionary, _ run: TemplateRun, into out: inout String) throws {
        out += "{"
        try run.nested {
            for (i, (key, value)) in zip(dictionary.keys, dictionary.values).enumerated() {
                if i > 0 { out += ", " }
                try run.charge(1)
                try key.represent(run, into: &out)
                out += ": "
                try value.represent(run, into: &out)
                try run.check(bytes: out.utf8.count)
            }
        }
        out += "}"
    }
}
