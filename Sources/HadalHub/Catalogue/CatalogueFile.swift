package import HadalCore

/// One file of a catalogue entry. Its bytes are pinned by length and SHA-256, wherever they come from.
package struct CatalogueFile: Sendable, Equatable {
    /// A plain file name: no directory, no leading dot.
    package let name: String
    package let bytes: Int
    /// 64 lower-case hexadecimal digits.
    package let sha256: String
    /// Where `pull` fetches it: http or https. Nil: it has no address and can only be put in from a file.
    package let url: String?

    package var json: JSON {
        JSON(
            .object(
                JSONObject([
                    ("name", JSON(.string(name))), ("bytes", JSON(.int(Int64(bytes)))), ("sha256", JSON(.string(sha256))),
                    ("url", url.map { JSON(.string($0)) } ?? .null),
                ])))
    }

    init(_ json: JSON, in document: JSONDocument, what: String) throws {
        var fields = try JSONFields(json, in: document, what: "file of \(what)")
        name = try fields.string("name")
        bytes = try fields.int("bytes")
        sha256 = try fields.string("sha256").lowercased()
        url = try fields.optionalString("url")
        try fields.finish()
        guard Self.isPlainName(name) else {
            throw fields.fail("'\(name)' is not a plain file name", at: json["name"])
        }
        guard bytes > 0 else { throw fields.fail("'bytes' must be positive", at: json["bytes"]) }
        guard sha256.utf8.count == 64, sha256.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
            throw fields.fail("'sha256' is 64 hexadecimal digits", at: json["sha256"])
        }
        if let url, !Self.isFetchable(url) {
            throw fields.fail("'url' must start with https:// or http://, not '\(url)'", at: json["url"])
        }
    }

    /// Whether a name stays inside the directory it is put in and cannot be taken for one of the store's own files.
    static func isPlainName(_ name: String) -> Bool {
        let bytes = name.utf8
        return (1...200).contains(bytes.count) && bytes.first != UInt8(ascii: ".")
            && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\") }
            && !name.hasSuffix(ModelStore.partialSuffix) && !name.hasSuffix(PartialFile.validatorSuffix)
    }

    static func isFetchable(_ url: String) -> Bool {
        let lower = url.lowercased()
        return lower.hasPrefix("https://") || lower.hasPrefix("http://")
    }
}
