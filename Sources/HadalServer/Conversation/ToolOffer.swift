import Hadal
import HadalCore

/// The tools that a request offers, in one form.
struct ToolOffer {
    /// How a call of a tool is written back to the client.
    enum Kind: Equatable {
        case function
        /// A function within a namespace of the Responses interface.
        case member(namespace: String, name: String)
        /// A tool whose one argument is free text.
        case custom
    }

    private(set) var tools: [Tool] = []
    private(set) var kinds: [String: Kind] = [:]
    /// Tools that are not functions, and are declared unsupported in the answer.
    private(set) var unsupported: [String] = []

    /// - Parameters:
    ///   - parameters: a JSON schema, or nil for a function without parameters.
    ///   - field: where the tool stands in the request.
    mutating func add(
        _ name: String, _ description: String, _ parameters: JSON?, isStrict: Bool, kind: Kind = .function, field: String
    ) throws {
        guard !name.isEmpty, name.utf8.count <= 128 else { throw APIError.invalid("a tool's name has 1 to 128 bytes", field: field) }
        guard kinds[name] == nil else { throw APIError.invalid("two tools are called '\(name)'", field: field) }
        let schema = parameters.map(Self.canonical) ?? ["type": "object", "properties": [:]]
        guard schema.object != nil else {
            throw APIError.invalid("the parameters of a tool are a JSON schema, not \(schema.kindName)", field: field)
        }
        tools.append(try Tool(name: name, description: description, schema: schema.text(), isStrict: isStrict))
        kinds[name] = kind
    }

    /// Takes the others back.
    mutating func keep(only names: Set<String>) {
        let kept = kinds.filter { name, kind in
            if case .member(_, let own) = kind { return names.contains(own) || names.contains(name) }
            return names.contains(name)
        }
        tools.removeAll { $0.name.map { kept[$0] == nil } ?? true }
        kinds = kept
    }

    /// What the model calls a tool.
    func fullName(_ name: String, namespace: String?) -> String? {
        if let namespace, kinds["\(namespace)__\(name)"] != nil { return "\(namespace)__\(name)" }
        if kinds[name] != nil { return name }
        return kinds.first { $0.value == .member(namespace: namespace ?? "", name: name) }?.key
            ?? kinds.first { if case .member(_, name) = $0.value { true } else { false } }?.key
    }

    mutating func refuse(_ name: String) { unsupported.append(name) }

    /// With the keys of objects in order: a client may write them in another one each time, and the prompt must be the same.
    static func canonical(_ schema: JSON) -> JSON {
        if let object = schema.object {
            let members = object.members.filter { $0.key != "cache_control" }.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            return JSON(.object(JSONObject(members.map { ($0.key, canonical($0.value)) })))
        }
        if let items = schema.array { return JSON(.array(items.map(canonical))) }
        return schema
    }

    /// The parameters of a tool whose one argument is free text.
    static let freeText: JSON = [
        "type": "object", "properties": ["input": ["type": "string"]], "required": ["input"], "additionalProperties": false,
    ]
}
