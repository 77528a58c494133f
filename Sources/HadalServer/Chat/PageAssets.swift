import Hadal
import HadalCore

/// The files of the page.
struct PageAssets: Sendable {
    private let files: [String: (type: String, bytes: [UInt8])]

    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "json": "application/json",
        "svg": "image/svg+xml",
    ]

    private static var directories: [String] {
        ["\(Installation.directory)/hadal_HadalServer.resources/Page", "\(Installation.directory)/../share/hadal/page"]
    }

    init() {
        var files: [String: (type: String, bytes: [UInt8])] = [:]
        for directory in Self.directories where files.isEmpty {
            for name in DirectoryListing.names(directory) ?? [] {
                guard let type = name.split(separator: ".").last.flatMap({ Self.types[String($0)] }) else { continue }
                if let bytes = WholeFile.read("\(directory)/\(name)", limit: 4 << 20) { files[name] = (type, bytes) }
            }
        }
        self.files = files
    }

    /// nil where there is no file of that name.
    func file(_ name: String) -> (type: String, bytes: [UInt8])? { files[name] }
}
