import Hadal
import HadalHub

/// A manifest as text: one line a file, its checksum first, as programs that compute checksums print it.
enum ManifestListing {
    static func text(_ manifest: ModelManifest) -> String {
        guard !manifest.files.isEmpty else { return "no models in \(manifest.directory)" }
        return Terminal.table(
            manifest.files.map { file in
                [
                    file.sha256 ?? String(repeating: "-", count: 64), "\(file.bytes)", "\(file.model)/\(file.name)", state(file),
                    file.origin ?? ModelManifest.File.unknownOrigin,
                ]
            })
    }

    private static func state(_ file: ModelManifest.File) -> String {
        switch file.state {
        case .matches: "as in the catalogue"
        case .unlisted: "not in the catalogue"
        case .differs: "DIFFERS from the catalogue"
        case .missing: "MISSING"
        case .unreadable: "CANNOT BE READ"
        }
    }
}
