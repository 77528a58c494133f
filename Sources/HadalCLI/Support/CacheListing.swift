import Foundation
import HadalCache
import HadalCore

/// How `hadal cache` reports what lies in a directory.
extension CachedBlocks {
    /// Of a table.
    var row: [String] {
        let name = model.name.isEmpty ? "unknown model" : model.name
        let sealed = sealedBlocks > 0 ? ", \(sealedBlocks) sealed" : "",
            withSnapshots = snapshots > 0 ? ", \(snapshots) with a snapshot" : ""
        return [
            "  \(name)", model.architecture, model.cacheType, "\(blocks) blocks\(sealed)\(withSnapshots)",
            Terminal.bytes(bytes),
            oldestUse == nil ? "" : "used \(Self.time(oldestUse) ?? "") to \(Self.time(newestUse) ?? "")",
        ]
    }

    var json: JSON {
        func text(_ value: String?) -> JSON { value.map { $0.isEmpty ? .null : JSON(.string($0)) } ?? .null }
        return [
            "model": text(model.name), "architecture": text(model.architecture), "cache_type": text(model.cacheType),
            "identity": text(identity), "folder": text(folder), "blocks": JSON(.int(Int64(blocks))),
            "sealed_blocks": JSON(.int(Int64(sealedBlocks))), "snapshots": JSON(.int(Int64(snapshots))), "bytes": JSON(.int(Int64(bytes))),
            "oldest_use": text(Self.time(oldestUse)),
            "newest_use": text(Self.time(newestUse)),
        ]
    }

    /// ISO 8601, in UTC.
    private static func time(_ nanoseconds: Int64?) -> String? {
        nanoseconds.map { Date(timeIntervalSince1970: Double($0) * 1e-9).ISO8601Format() }
    }
}

extension CacheVerification {
    var text: String {
        var lines = bad.map { "damaged\($0.isRemoved ? ", removed" : ", cannot be removed"): \($0.path)" }
        let sealed = sealed > 0 ? ", \(sealed) sealed of which only the length was checked" : ""
        let withSnapshots = snapshots > 0 ? ", \(snapshots) with a snapshot" : ""
        lines.append("blocks: \(verified) verified\(sealed), \(bad.count) damaged\(withSnapshots), \(Terminal.bytes(bytes))")
        return lines.joined(separator: "\n")
    }

    var json: JSON {
        [
            "verified": JSON(.int(Int64(verified))), "length_only": JSON(.int(Int64(sealed))), "snapshots": JSON(.int(Int64(snapshots))),
            "bytes": JSON(.int(Int64(bytes))),
            "bad": JSON(.array(bad.map { ["path": JSON(.string($0.path)), "removed": JSON(.bool($0.isRemoved))] })),
        ]
    }
}
