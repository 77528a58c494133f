import CHadalKernels

/// What is read and packed at a time: rows of one or more weights, no more than a few megabytes.
struct PackingBatch {
    /// Rows of one matrix of a job.
    struct Piece {
        var job: Int
        var matrix: Int
        var first: Int
        var count: Int
        /// Where its rows are: in the read of this number, or with the host.
        var read: Int?
        /// From the beginning of that read.
        var offset: Int
    }

    /// A range of a file, and where in the batch's buffer there is room for it: with what lies before and after it on its blocks of the file.
    struct Read {
        var job: Int
        var descriptor: Int32
        var offset: UInt64
        var count: Int
        var bufferOffset: Int

        /// Of reads past the page cache.
        static let alignment = 4096
        var skip: Int { Int(offset % UInt64(Self.alignment)) }
        var span: Int { (skip + count + Self.alignment - 1) / Self.alignment * Self.alignment }
    }

    private(set) var pieces: [Piece] = []
    private(set) var reads: [Read] = []
    /// Stored bytes of all pieces.
    private(set) var bytes = 0
    /// Bytes that the reads take in a buffer.
    var bufferBytes: Int { reads.last.map { $0.bufferOffset + $0.span } ?? 0 }

    /// Cuts jobs into batches of at most `limit` stored bytes, or of one group of rows.
    static func batches(of jobs: [PackingJob], limit: Int) -> [PackingBatch] {
        var batches: [PackingBatch] = [], batch = PackingBatch()
        for (number, job) in jobs.enumerated() {
            for matrix in 0..<job.matrices {
                var row = 0
                while row < job.rows {
                    let groups = (limit - batch.bytes) / job.groupBytes
                    if groups < 1, batch.bytes > 0 {
                        batches.append(batch)
                        batch = PackingBatch()
                        continue
                    }
                    let count = min(job.rows - row, max(groups, 1) * Int(HADAL_PACK_ROWS))
                    batch.add(job, number, matrix: matrix, first: row, count: count)
                    row += count
                }
            }
        }
        if batch.bytes > 0 { batches.append(batch) }
        return batches
    }

    private mutating func add(_ job: PackingJob, _ number: Int, matrix: Int, first: Int, count: Int) {
        let start = (matrix * job.rows + first) * job.rowBytes, size = count * job.rowBytes
        bytes += size
        guard let file = job.file else {
            pieces.append(Piece(job: number, matrix: matrix, first: first, count: count, read: nil, offset: start))
            return
        }
        let offset = file.offset + UInt64(start)
        // What follows the range before is read with it.
        if let last = reads.last, last.descriptor == file.descriptor, last.offset + UInt64(last.count) == offset {
            pieces.append(Piece(job: number, matrix: matrix, first: first, count: count, read: reads.count - 1, offset: last.count))
            reads[reads.count - 1].count += size
        } else {
            pieces.append(Piece(job: number, matrix: matrix, first: first, count: count, read: reads.count, offset: 0))
            reads.append(Read(job: number, descriptor: file.descriptor, offset: offset, count: size, bufferOffset: bufferBytes))
        }
    }

    /// The calls that pack it.
    ///
    /// - Parameter buffer: where its reads are.
    func plan(_ jobs: [PackingJob], _ kernel: UnsafePointer<hadal_kernel>, buffer: UnsafeRawPointer) -> [PlannedInstruction] {
        pieces.map { piece in
            let job = jobs[piece.job]
            let stored = piece.read.map { buffer + reads[$0].bufferOffset + reads[$0].skip } ?? job.bytes
            return job.instruction(kernel, matrix: piece.matrix, first: piece.first, count: piece.count, from: stored + piece.offset)
        }
    }
}
