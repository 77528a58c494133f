import HadalCore

/// The experts of one node as they lie on disk, and how one of them lies in memory: a region of its gate, up and down, one after the
/// other, each in the layout that the resident form has.
struct ExpertLayer: Sendable {
    /// One of the three matrices of every expert.
    struct Part: Sendable {
        var name: String
        var dtype: UInt32
        /// HADAL_PACKED_*; 0: as stored.
        var packing: UInt32
        var rows: Int
        var columns: Int
        /// Bytes of a stored row, and of the whole matrix as stored.
        var rowBytes: Int
        var storedBytes: Int
        /// Where the matrix begins in a region, and its bytes there.
        var offset: Int
        var bytes: Int
        /// Where each expert's matrix lies in the files.
        var pieces: [(descriptor: Int32, offset: UInt64)]
    }

    var parts: [Part]
    var experts: Int
    /// Of one expert, in whole pages.
    var regionBytes: Int
    /// What is read for one expert.
    var storedBytes: Int

    /// - Parameter parts: offsets are filled in here.
    /// - Throws: `limitExceeded` when an expert is too large to address.
    init(_ parts: [Part], experts: Int) throws {
        var placed = parts, end = 0, stored = 0
        for i in placed.indices {
            // Packed groups are read in whole cache lines.
            let (padded, overflow) = end.addingReportingOverflow(63)
            placed[i].offset = padded / 64 * 64
            let (next, beyond) = placed[i].offset.addingReportingOverflow(placed[i].bytes)
            guard !overflow, !beyond, next < Int.max - 4096 else {
                throw HadalError(.limitExceeded, "an expert of '\(placed[i].name)' is too large to address")
            }
            end = next
            stored += placed[i].storedBytes
        }
        self.parts = placed
        self.experts = experts
        regionBytes = (end + 4095) / 4096 * 4096
        storedBytes = stored
    }
}
