package import HadalCore

/// A model that `pull` knows.
public struct CatalogueEntry: Sendable, Equatable {
    /// What the user types; also its directory in the store.
    public let name: String
    public let description: String
    public let licence: String
    /// A page about the model, for a person to read.
    public let page: String?
    public let quantisation: String?
    public let parameters: Int?
    /// Tokens.
    public let context: Int?
    public let sampling: RecommendedSampling
    /// How to get files that have no address of their own.
    public let obtain: String?
    /// At least one. The first is what a runtime opens when it is a GGUF file.
    package let files: [CatalogueFile]

    public var bytes: Int { files.reduce(0) { $0 &+ $1.bytes } }

    /// Whether `pull` can fetch it by itself.
    public var isFetchable: Bool { files.allSatisfy { $0.url != nil } }

    package var json: JSON {
        func text(_ value: String?) -> JSON { value.map { JSON(.string($0)) } ?? .null }
        func number(_ value: Int?) -> JSON { value.map { JSON(.int(Int64($0))) } ?? .null }
        return JSON(
            .object(
                JSONObject([
                    ("name", text(name)), ("description", text(description)), ("licence", text(licence)), ("page", text(page)),
                    ("quantisation", text(quantisation)), ("parameters", number(parameters)), ("context", number(context)),
                    ("bytes", number(bytes)), ("sampling", sampling.json), ("obtain", text(obtain)),
                    ("files", JSON(.array(files.map(\.json)))),
                ])))
    }

    init(name: String, _ json: JSON, in document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "model '\(name)'")
        guard Self.isValidName(name) else {
            throw fields.fail("a name is 1 to 64 lower-case letters, digits, '.', '_' and '-', starting with a letter or digit")
        }
        self.name = name
        description = try fields.string("description")
        licence = try fields.string("licence")
        page = try fields.optionalString("page")
        quantisation = try fields.optionalString("quantisation")
        parameters = try fields.optionalInt("parameters")
        context = try fields.optionalInt("context")
        let what = fields.what
        sampling = try fields.optional("sampling").map { try RecommendedSampling($0, in: document, what: what) } ?? RecommendedSampling()
        obtain = try fields.optionalString("obtain")
        files = try fields.array("files").map { try CatalogueFile($0, in: document, what: what) }
        try fields.finish()
        guard (1...4096).contains(files.count) else { throw fields.fail("'files' lists 1 to 4096 files", at: json["files"]) }
        guard Set(files.map(\.name)).count == files.count else { throw fields.fail("a file is listed twice", at: json["files"]) }
        var total = 0
        for file in files {
            let (sum, overflow) = total.addingReportingOverflow(file.bytes)
            guard !overflow else { throw fields.fail("the sizes of its files overflow", at: json["files"]) }
            total = sum
        }
    }

    /// Names are directory names in the store: they can hold no path.
    static func isValidName(_ name: String) -> Bool {
        let bytes = name.utf8
        func isAlphanumeric(_ b: UInt8) -> Bool { (97...122).contains(b) || (48...57).contains(b) }
        guard let first = bytes.first, isAlphanumeric(first), bytes.count <= 64 else { return false }
        return bytes.allSatisfy { isAlphanumeric($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }
}
