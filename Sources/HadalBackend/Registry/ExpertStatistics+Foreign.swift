package import CHadalPlugin

/// Statistics as the plugin ABI carries them: both directions, so that neither lacks a field that the other has.
extension ExpertStatistics {
    /// What a plugin tells. A count that `Int` does not hold is the largest that it does.
    package init(foreign c: hadal_executable_statistics) {
        self.init()
        hits = Int(clamping: c.expert_hits)
        prefetchHits = Int(clamping: c.expert_prefetch_hits)
        misses = Int(clamping: c.expert_misses)
        reads = Int(clamping: c.expert_reads)
        prefetches = Int(clamping: c.expert_prefetches)
        readBytes = Int(clamping: c.expert_read_bytes)
        waitedNanoseconds = c.expert_wait_ns
        heldBytes = Int(clamping: c.expert_held_bytes)
        limitBytes = Int(clamping: c.expert_limit_bytes)
        totalBytes = Int(clamping: c.expert_total_bytes)
    }

    /// What a plugin tells a host, with the size of the whole struct.
    package var foreign: hadal_executable_statistics {
        var c = hadal_executable_statistics()
        c.size = UInt32(MemoryLayout<hadal_executable_statistics>.size)
        c.expert_hits = UInt64(clamping: hits)
        c.expert_prefetch_hits = UInt64(clamping: prefetchHits)
        c.expert_misses = UInt64(clamping: misses)
        c.expert_reads = UInt64(clamping: reads)
        c.expert_prefetches = UInt64(clamping: prefetches)
        c.expert_read_bytes = UInt64(clamping: readBytes)
        c.expert_wait_ns = waitedNanoseconds
        c.expert_held_bytes = UInt64(clamping: heldBytes)
        c.expert_limit_bytes = UInt64(clamping: limitBytes)
        c.expert_total_bytes = UInt64(clamping: totalBytes)
        return c
    }
}
