import HadalCore

/// Remembers, beside a model's files, which checksums were computed and what the files looked like then.
///
/// It only saves time: a record that is lost or damaged means that a file counts as not verified.
struct VerificationRecord {
    static let fileName = ".verified.json"

    private struct Item { var sha256: String, bytes: Int, modified: Int64 }

    private let path: String
    private var items: [(name: String, item: Item)] = []

    init(directory: String) {
        path = "\(directory)/\(Self.fileName)"
        guard FileBytes.status(path) != nil, let root = try? JSONDocument(contentsOf: path).root.object else { return }
        for member in root.members {
            guard let sha256 = member.value["sha256"]?.string, let bytes = member.value["bytes"]?.int,
                let modified = member.value["modified_ns"]?.int
            else { continue }
            items.append((member.key, Item(sha256: sha256, bytes: bytes, modified: Int64(modified))))
        }
    }

    /// Whether `file`, as it lies at `filePath` now, was found to have its checksum.
    func holds(_ file: CatalogueFile, at filePath: String) -> Bool {
        guard let item = items.first(where: { $0.name == file.name })?.item, let status = FileBytes.status(filePath) else { return false }
        return item.sha256 == file.sha256 && status.bytes == file.bytes && item.bytes == status.bytes && item.modified == status.modified
    }

    /// Notes that `file` at `filePath` has its checksum.
    mutating func note(_ file: CatalogueFile, at filePath: String) throws {
        guard let status = FileBytes.status(filePath) else { return }
        items.removeAll { $0.name == file.name }
        items.append((file.name, Item(sha256: file.sha256, bytes: status.bytes, modified: status.modified)))
        try write()
    }

    mutating func forget(_ file: CatalogueFile) throws {
        guard items.contains(where: { $0.name == file.name }) else { return }
        items.removeAll { $0.name == file.name }
        try write()
    }

    private func write() throws {
        let object = JSONObject(
            items.map { name, item in
                (
                    name,
                    JSON(
                        .object(
                            JSONObject([
                                ("sha256", JSON(.string(item.sha256))), ("bytes", JSON(.int(Int64(item.bytes)))),
                                ("modified_ns", JSON(.int(item.modified))),
                            ])))
                )
            })
        try WholeFile.write(Array((JSON(.object(object)).text(indent: 2) + "\n").utf8), to: path, for: .everyone)
    }
}
