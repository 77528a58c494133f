import Foundation

/// A temporary folder that is removed with the object; made when the first file is written to it.
final class SnapshotFolder: Sendable {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("hadal-live-\(UUID().uuidString)").path

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
