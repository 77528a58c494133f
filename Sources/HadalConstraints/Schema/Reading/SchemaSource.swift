import HadalCore

/// A document of schemas: its nodes by number, and what references mean.
final class SchemaSource {
    typealias ID = Int

    /// A schema that names itself, and the schemas inside it that are not such.
    private struct Resource {
        let uri: SchemaURI
        /// Where it starts.
        let pointer: String
        let json: JSON
    }

    let document: JSONDocument?
    let dialect: SchemaDialect
    private(set) var nodes: [SchemaNode] = []
    private var numbers: [ExactString: ID] = [:]
    private var resources: [Resource] = []
    private var byURI: [String: Int] = [:]
    /// Anchors by the URI and fragment that name them.
    private var anchors: [String: (pointer: String, resource: Int)] = [:]
    /// How many schemas have a `$dynamicAnchor` of a name, or a `$recursiveAnchor`.
    private var dynamicAnchors: [String: Int] = [:]
    private var isIndexed = false
    /// Whether a keyword that looks at what others evaluated appears anywhere.
    let usesUnevaluated: Bool

    static let root: ID = 0
    /// Keywords whose values are schemas or arrays of them.
    private static let schemaKeywords: Set = [
        "additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema", "else", "if", "items", "not", "oneOf",
        "prefixItems", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
    ]
    /// Keywords whose values are objects of schemas.
    private static let namedSchemaKeywords: Set = [
        "$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties",
    ]

    /// - Parameter document: where `root` came from, for the places of errors.
    init(root: JSON, document: JSONDocument?) throws {
        self.document = document
        guard root.object != nil || root.bool != nil else {
            throw HadalError(
                .malformed, "a schema must be an object or a boolean, not \(root.kindName)",
                at: document?.place(of: root) ?? SourcePlace("schema", .pointer("")))
        }
        var dialect = SchemaDialect.draft202012
        if let name = root["$schema"]?.string {
            guard let known = SchemaDialect.named(name) else {
                let place = root["$schema"].flatMap { document?.place(of: $0) }
                throw HadalError(
                    .unsupported, "/$schema: versions before draft 4 are not supported",
                    at: place ?? SourcePlace("schema", .pointer("/$schema")))
            }
            dialect = known
        }
        self.dialect = dialect
        usesUnevaluated = SchemaSource.mentionsUnevaluated(root)
        let uri = SchemaURI(root[dialect.identifier]?.string ?? "")
        resources = [Resource(uri: uri, pointer: "", json: root)]
        byURI = [uri.absolute: 0]
        _ = node(root, pointer: "", resource: 0)
    }

    private static func mentionsUnevaluated(_ json: JSON) -> Bool {
        if let object = json.object {
            return object.members.contains {
                $0.key == "unevaluatedProperties" || $0.key == "unevaluatedItems" || mentionsUnevaluated($0.value)
            }
        }
        return json.array?.contains(where: mentionsUnevaluated) ?? false
    }

    // MARK: Errors

    func error(_ code: HadalError.Code, _ message: String, at pointer: String, _ json: JSON?) -> HadalError {
        let place = json.flatMap { document?.place(of: $0) } ?? SourcePlace(document?.file ?? "schema", .pointer(pointer))
        return HadalError(code, "\(pointer.isEmpty ? "the schema" : pointer): \(message)", at: place)
    }

    func error(_ code: HadalError.Code, _ message: String, at id: ID, key: String? = nil) -> HadalError {
        let node = nodes[id]
        guard let key else { return error(code, message, at: node.pointer, node.json) }
        return error(code, message, at: node.pointer + "/" + SchemaNode.escaped(key), node.json[key] ?? node.json)
    }

    // MARK: Nodes

    private func node(_ json: JSON, pointer: String, resource: Int) -> ID {
        if let id = numbers[ExactString(pointer)] { return id }
        numbers[ExactString(pointer)] = nodes.count
        nodes.append(SchemaNode(json: json, pointer: pointer, resource: self.resource(json, pointer: pointer, within: resource)))
        return nodes.count - 1
    }

    /// The schema under `path` in another.
    func child(_ id: ID, _ path: String..., json: JSON) -> ID {
        var pointer = nodes[id].pointer
        for token in path { pointer += "/" + SchemaNode.escaped(token) }
        return node(json, pointer: pointer, resource: nodes[id].resource)
    }

    private func identifier(_ json: JSON) -> SchemaURI? {
        guard let object = json.object, let text = object[dialect.identifier]?.string else { return nil }
        if dialect.refStandsAlone && object["$ref"] != nil { return nil }
        let uri = SchemaURI(text)
        // "#name" names an anchor in older drafts.
        return uri.absolute.isEmpty ? nil : uri
    }

    private func resource(_ json: JSON, pointer: String, within outer: Int) -> Int {
        guard !pointer.isEmpty, let uri = identifier(json)?.resolved(against: resources[outer].uri) else { return outer }
        if let known = byURI[uri.absolute], resources[known].pointer == pointer { return known }
        resources.append(Resource(uri: uri, pointer: pointer, json: json))
        if byURI[uri.absolute] == nil { byURI[uri.absolute] = resources.count - 1 }
        return resources.count - 1
    }

    // MARK: References

    /// The schema that a reference in node `id` means.
    func resolve(_ reference: String, from id: ID, key: String) throws -> ID {
        let base = resources[nodes[id].resource]
        let uri = SchemaURI(reference).resolved(against: base.uri)
        let fragment = SchemaURI.decoded(SchemaURI(reference).fragment ?? "") ?? ""
        var resource = byURI[uri.absolute]
        if uri.absolute == base.uri.absolute { resource = nodes[id].resource }
        if resource == nil || !(fragment.isEmpty || fragment.hasPrefix("/")) {
            try index()
            resource = resource ?? byURI[uri.absolute]
        }
        if fragment.isEmpty || fragment.hasPrefix("/"), let resource {
            return try follow(fragment, in: resource, reference: reference, from: id, key: key)
        }
        if let anchor = anchors[uri.absolute + "#" + fragment] {
            guard let json = value(at: anchor.pointer) else { throw unresolved(reference, from: id, key: key) }
            return node(json, pointer: anchor.pointer, resource: anchor.resource)
        }
        if resource != nil { throw unresolved(reference, from: id, key: key) }
        throw error(.unsupported, "the reference '\(reference)' leaves the document", at: id, key: key)
    }

    /// The schema that a reference means on whatever path it is reached; nil where that depends on the path.
    func resolveDynamic(_ reference: String, from id: ID, key: String) throws -> ID? {
        try index()
        let name = key == "$recursiveRef" ? "" : SchemaURI.decoded(SchemaURI(reference).fragment ?? "") ?? ""
        guard dynamicAnchors[name, default: 0] <= 1 else { return nil }
        return try resolve(reference, from: id, key: key)
    }

    private func unresolved(_ reference: String, from id: ID, key: String) -> HadalError {
        error(.malformed, "there is nothing at '\(reference)'", at: id, key: key)
    }

    private func follow(_ fragment: String, in resource: Int, reference: String, from id: ID, key: String) throws -> ID {
        var json = resources[resource].json
        var pointer = resources[resource].pointer
        var inside = resource
        for token in fragment.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let name = SchemaNode.unescaped(token)
            let next =
                json.object?[name] ?? json.array.flatMap { items in Int(name).flatMap { items.indices.contains($0) ? items[$0] : nil } }
            guard let next else { throw unresolved(reference, from: id, key: key) }
            json = next
            pointer += "/" + token
            inside = self.resource(json, pointer: pointer, within: inside)
        }
        guard json.object != nil || json.bool != nil else {
            throw error(.malformed, "'\(reference)' is not a schema", at: id, key: key)
        }
        return node(json, pointer: pointer, resource: inside)
    }

    private func value(at pointer: String) -> JSON? {
        var json: JSON? = resources[0].json
        for token in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let name = SchemaNode.unescaped(token)
            json =
                json?.object?[name] ?? json?.array.flatMap { items in Int(name).flatMap { items.indices.contains($0) ? items[$0] : nil } }
        }
        return json
    }

    /// Finds the schemas that name themselves, and the anchors.
    private func index() throws {
        guard !isIndexed else { return }
        isIndexed = true
        let stack = StackGuard()
        func walk(_ json: JSON, _ pointer: String, _ outer: Int) throws {
            try stack.check()
            guard let object = json.object else {
                for (index, item) in (json.array ?? []).enumerated() { try walk(item, pointer + "/\(index)", outer) }
                return
            }
            let inside = resource(json, pointer: pointer, within: outer)
            for key in ["$anchor", "$dynamicAnchor"] {
                if let name = object[key]?.string { anchors[resources[inside].uri.absolute + "#" + name] = (pointer, inside) }
            }
            if let name = object["$dynamicAnchor"]?.string { dynamicAnchors[name, default: 0] += 1 }
            if object["$recursiveAnchor"]?.bool == true { dynamicAnchors["", default: 0] += 1 }
            if let name = object[dialect.identifier]?.string, name.hasPrefix("#"), name.count > 1 {
                anchors[resources[inside].uri.absolute + name] = (pointer, inside)
            }
            for member in object.members {
                let path = pointer + "/" + SchemaNode.escaped(member.key)
                if SchemaSource.schemaKeywords.contains(member.key) {
                    try walk(member.value, path, inside)
                } else if SchemaSource.namedSchemaKeywords.contains(member.key) {
                    for child in member.value.object?.members ?? [] {
                        try walk(child.value, path + "/" + SchemaNode.escaped(child.key), inside)
                    }
                }
            }
        }
        try walk(resources[0].json, "", 0)
    }
}
