import HadalConstraints
package import HadalCore

/// Puts the members of instances into the order in which a schema lists them.
package struct SchemaOrder {
    private let root: JSON

    package init(root: JSON) { self.root = root }

    package func ordered(_ value: JSON) -> JSON { ordered(value, applicable(root, [])) }

    private func resolve(_ reference: String) -> JSON? {
        guard reference.hasPrefix("#"), let path = SchemaURI.decoded(reference.dropFirst()) else { return nil }
        var json: JSON? = root
        for token in path.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let name = SchemaNode.unescaped(token)
            json = json?[name] ?? json?.array.flatMap { items in Int(name).flatMap { items.indices.contains($0) ? items[$0] : nil } }
        }
        return json
    }

    /// The schemas that hold in the same place, the outermost first.
    private func applicable(_ schema: JSON, _ seen: Set<String>) -> [JSON] {
        guard schema.object != nil else { return [] }
        var result = [schema]
        if let reference = schema["$ref"]?.string, !seen.contains(reference), let target = resolve(reference) {
            result += applicable(target, seen.union([reference]))
        }
        for key in ["allOf", "anyOf", "oneOf"] { for item in schema[key]?.array ?? [] { result += applicable(item, seen) } }
        for key in ["if", "then", "else"] { if let item = schema[key] { result += applicable(item, seen) } }
        for key in ["dependencies", "dependentSchemas"] {
            for member in schema[key]?.object?.members ?? [] { result += applicable(member.value, seen) }
        }
        return result
    }

    private func ordered(_ value: JSON, _ schemas: [JSON]) -> JSON {
        if let items = value.array {
            return JSON(
                .array(
                    items.enumerated().map { index, item in
                        ordered(item, schemas.flatMap { itemSchemas($0, index) }.flatMap { applicable($0, []) })
                    }))
        }
        guard let object = value.object else { return value }
        var names: [String] = []
        var inner: [ExactString: [JSON]] = [:]
        for schema in schemas {
            for member in schema["properties"]?.object?.members ?? [] where object[member.key] != nil {
                if inner[ExactString(member.key)] == nil { names.append(member.key) }
                inner[ExactString(member.key), default: []] += applicable(member.value, [])
            }
        }
        let listed = Set(names.map { ExactString($0) })
        names += object.keys.filter { !listed.contains(ExactString($0)) }
        for schema in schemas {
            for name in names {
                if let additional = schema["additionalProperties"] { inner[ExactString(name), default: []] += applicable(additional, []) }
                for member in schema["patternProperties"]?.object?.members ?? [] {
                    guard let regex = try? RegexReader.read(member.key, mode: .search), CharacterDerivative.matches(regex, name) else {
                        continue
                    }
                    inner[ExactString(name), default: []] += applicable(member.value, [])
                }
            }
        }
        return JSON(.object(JSONObject(names.map { ($0, ordered(object[$0] ?? .null, inner[ExactString($0)] ?? [])) })))
    }

    private func itemSchemas(_ schema: JSON, _ index: Int) -> [JSON] {
        if let prefix = schema["prefixItems"]?.array, index < prefix.count { return [prefix[index]] }
        guard let items = schema["items"] else { return [] }
        guard let tuple = items.array else { return [items] }
        return index < tuple.count ? [tuple[index]] : [schema["additionalItems"]].compactMap { $0 }
    }
}
