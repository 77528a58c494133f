import HadalCore

/// Methods of Python's own types.
enum TemplateMethods {
    private static let string: Set<String> = [
        "capitalize", "casefold", "center", "count", "endswith", "expandtabs", "find", "format", "format_map", "index", "isalnum",
        "isalpha",
        "isascii", "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper", "join",
        "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rjust", "rpartition",
        "rsplit",
        "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill",
    ]
    private static let list: Set<String> = ["copy", "count", "index"]
    private static let tuple: Set<String> = ["count", "index"]
    private static let dict: Set<String> = ["copy", "get", "items", "keys", "values"]
    private static let float: Set<String> = ["is_integer"]
    private static let int: Set<String> = ["bit_length", "bit_count"]
    private static let forbiddenList: Set<String> = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]
    private static let forbiddenDict: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]
    /// Attributes that every Python object has, and that the sandbox hides.
    static let objectAttributes: Set<String> = [
        "__class__", "__doc__", "__init__", "__new__", "__dir__", "__hash__", "__eq__", "__ne__", "__str__", "__repr__", "__reduce__",
        "__reduce_ex__", "__getattribute__", "__setattr__", "__delattr__", "__format__", "__sizeof__", "__subclasshook__",
        "__init_subclass__",
        "__lt__", "__le__", "__gt__", "__ge__",
    ]

    static func has(_ value: TemplateValue, _ name: String) -> Bool {
        switch value {
        case .string, .markup: string.contains(name)
        case .dict: dict.contains(name)
        case .list: list.contains(name)
        case .tuple: tuple.contains(name)
        case .float: float.contains(name)
        case .int, .bool, .bigInteger: int.contains(name)
        case .object(is TemplateGroup), .object(is TemplateRange): tuple.contains(name)
        default: false
        }
    }

    /// Exists in Python, but would change the value.
    static func isForbidden(_ value: TemplateValue, _ name: String) -> Bool {
        switch value {
        case .list: forbiddenList.contains(name)
        case .dict: forbiddenDict.contains(name)
        default: false
        }
    }

    static func call(_ value: TemplateValue, _ name: String, _ arguments: CallArguments, _ run: TemplateRun) throws -> TemplateValue {
        switch value {
        case .string(let s): return try TextMethods.call(s, name, arguments, run)
        case .markup(let s):
            var safe = arguments
            // Text that is not marked is escaped on its way into text that is.
            if ["join", "replace", "format", "ljust", "rjust", "center"].contains(name) {
                safe.positional = try safe.positional.map { try escaped($0, run) }
                safe.keyword = try safe.keyword.map { ($0.name, try escaped($0.value, run)) }
            }
            return marked(try TextMethods.call(s, name, safe, run))
        case .dict(let dictionary): return try call(dictionary, name, arguments, run)
        case .float(let d): return .bool(d.isFinite && d == d.rounded())
        case .int, .bool, .bigInteger: return .int((name == "bit_count" ? value.integer?.bitCount : value.integer?.bitWidth) ?? 0)
        default: return try callSequence(value, name, arguments, run)
        }
    }

    /// Text that is not marked, made safe to put into text that is.
    static func escaped(_ value: TemplateValue, _ run: TemplateRun) throws -> TemplateValue {
        switch value {
        case .string(let s): .string(HTMLText.escaped(s))
        case .list(let list): .list(try list.items.map { try escaped($0, run) })
        case .tuple(let list): .tuple(try list.items.map { try escaped($0, run) })
        default: value
        }
    }

    private static func marked(_ value: TemplateValue) -> TemplateValue {
        switch value {
        case .string(let s): .markup(s)
        case .list(let list): .list(list.items.map(marked))
        case .tuple(let list): .tuple(list.items.map(marked))
        default: value
        }
    }

    private static func call(_ dictionary: TemplateDictionary, _ name: String, _ arguments: CallArguments, _ run: TemplateRun) throws
        -> TemplateValue
    {
        guard arguments.keyword.isEmpty else { throw TemplateError.type("dict.\(name)() takes no keyword arguments") }
        switch name {
        case "get":
            let bound = try arguments.bound(to: ["key", "default"], required: 1, of: "get")
            return try bound[0].flatMap { try dictionary.get($0) } ?? bound[1] ?? .null
        case "items": _ = try arguments.bound(to: [], of: name); return .object(TemplateDictionaryView(.items, of: dictionary))
        case "keys": _ = try arguments.bound(to: [], of: name); return .object(TemplateDictionaryView(.keys, of: dictionary))
        case "values": _ = try arguments.bound(to: [], of: name); return .object(TemplateDictionaryView(.values, of: dictionary))
        default:
            _ = try arguments.bound(to: [], of: name)
            return .dict(try TemplateDictionary(Array(zip(dictionary.keys, dictionary.values))))
        }
    }

    private static func callSequence(_ value: TemplateValue, _ name: String, _ arguments: CallArguments, _ run: TemplateRun) throws
        -> TemplateValue
    {
        let items = try value.items(run)
        switch name {
        case "copy": return .list(items)
        case "count":
            let wanted = try arguments.bound(to: ["value"], required: 1, of: name)[0] ?? .null
            return .int(try items.reduce(0) { $0 + (try $1.equals(wanted) ? 1 : 0) })
        default:
            let bound = try arguments.bound(to: ["value", "start", "stop"], required: 1, of: name)
            let (first, _, count) = try Slicing.indices(items.count, try bound.int(1), try bound.int(2), nil)
            for at in first..<first + count where try items[at].equals(bound[0] ?? .null) { return .int(at) }
            throw TemplateError.runtime("the value is not in the \(value.typeName)")
        }
    }
}
