import Hadal
import HadalCore

extension ExpertStatistics {
    /// For a line of figures.
    var line: String {
        "\(Terminal.bytes(heldBytes)) of \(Terminal.bytes(totalBytes)) in memory, \(Terminal.number(100 * hitRate, 1)) % hits "
            + "(\(prefetchHits) by prefetch), read \(Terminal.bytes(readBytes)), waited \(Terminal.number(Double(waitedNanoseconds) * 1e-9, 2)) s"
    }

    var json: JSON {
        func int(_ n: Int) -> JSON { JSON(.int(Int64(n))) }
        return [
            "hits": int(hits), "prefetch_hits": int(prefetchHits), "misses": int(misses), "hit_rate": JSON(.double(hitRate)),
            "reads": int(reads), "prefetches": int(prefetches), "bytes_read": int(readBytes),
            "seconds_waited": JSON(.double(Double(waitedNanoseconds) * 1e-9)), "held_bytes": int(heldBytes), "limit_bytes": int(limitBytes),
            "total_bytes": int(totalBytes),
        ]
    }
}
