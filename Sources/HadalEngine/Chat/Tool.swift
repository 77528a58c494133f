import Foundation
package import HadalCore

/// A function that a model may call: its name, what it does, and the JSON schema of its parameters.
public struct Tool: Sendable, Equatable {
    /// As templates and the common HTTP interfaces have it: `{"type": "function", "function": {"name", "description", "parameters"}}`,
    /// or the inner object alone.
    package let json: JSON
    /// Whether calls are to be held to the schema wherever they come.
    public var isStrict: Bool

    package init(_ json: JSON) {
        self.json = json
        isStrict = ((json["function"] ?? json)["strict"] ?? json["strict"])?.bool == true
    }

    private var function: JSON { json["function"] ?? json }
    /// nil where there is none.
    public var name: String? { function["name"]?.string }
    /// The schema of the arguments; nil where there is none.
    var parameters: JSON? { function["parameters"] }

    /// - Parameters:
    ///   - parameters: a JSON schema of an object, as any value that is encoded as one. Keys are sorted.
    ///   - isStrict: calls are held to the schema wherever they come.
    /// - Throws: `invalidArgument` for what is not encoded as a JSON object.
    public init(name: String, description: String, parameters: some Encodable, isStrict: Bool = false) throws {
        try self.init(name: name, description: description, JSON(encoding: parameters, file: "parameters of tool \(name)"), isStrict)
    }

    /// - Parameters:
    ///   - schema: the text of a JSON schema of an object. Keys stay in their order.
    ///   - isStrict: calls are held to the schema wherever they come.
    /// - Throws: `malformed` for what is no JSON; `invalidArgument` for what is no object.
    public init(name: String, description: String, schema: String, isStrict: Bool = false) throws {
        try self.init(
            name: name, description: description, JSONDocument(parsing: schema, file: "parameters of tool \(name)").root, isStrict)
    }

    private init(name: String, description: String, _ parameters: JSON, _ isStrict: Bool) throws {
        guard parameters.object != nil else {
            throw HadalError(.invalidArgument, "the parameters of tool '\(name)' are not a JSON object but \(parameters.kindName)")
        }
        let function = JSONObject([
            ("name", JSON(.string(name))), ("description", JSON(.string(description))), ("parameters", parameters),
        ])
        json = JSON(.object(JSONObject([("type", "function"), ("function", JSON(.object(function)))])))
        self.isStrict = isStrict
    }
}

extension [Tool] {
    /// As templates take it; nil when there are none.
    var json: JSON? { isEmpty ? nil : JSON(.array(map(\.json))) }
}

extension JSON {
    /// - Parameter file: names the value in errors.
    /// - Throws: `invalidArgument` for what cannot be encoded.
    init(encoding value: some Encodable, file: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data: Data
        do { data = try encoder.encode(value) } catch {
            throw HadalError(.invalidArgument, "cannot be written as JSON: \(error)", at: SourcePlace(file))
        }
        self = try JSONDocument(parsing: String(decoding: data, as: UTF8.self), file: file).root
    }
}
