import HadalCore

/// What the versions of JSON Schema differ in.
enum SchemaDialect: Sendable {
    case draft4, draft6, draft7, draft201909, draft202012

    /// The version that `$schema` names; a dialect of someone's own is read as the latest.
    ///
    /// - Returns: nil for versions before draft 4.
    static func named(_ uri: String) -> SchemaDialect? {
        let name = uri.hasSuffix("#") ? String(uri.dropLast()) : uri
        for scheme in ["http://", "https://"] {
            switch name {
            case scheme + "json-schema.org/draft-00/schema", scheme + "json-schema.org/draft-01/schema",
                scheme + "json-schema.org/draft-02/schema", scheme + "json-schema.org/draft-03/schema":
                return nil
            case scheme + "json-schema.org/draft-04/schema": return .draft4
            case scheme + "json-schema.org/draft-06/schema": return .draft6
            case scheme + "json-schema.org/draft-07/schema": return .draft7
            case scheme + "json-schema.org/draft/2019-09/schema": return .draft201909
            default: continue
            }
        }
        return .draft202012
    }

    /// Whether what stands beside `$ref` is ignored.
    var refStandsAlone: Bool {
        switch self {
        case .draft4, .draft6, .draft7: true
        case .draft201909, .draft202012: false
        }
    }

    /// Whether `1.0` is not an integer.
    var integersArePlain: Bool { self == .draft4 }

    var identifier: String { self == .draft4 ? "id" : "$id" }
}
