import CHadalKernels
import HadalBackend
import HadalCore
import HadalGraph

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Packing every matrix at once, in the order of the files.
///
/// Stored bytes are read in small batches rather than through the host's mapping, whose pages would count as this process's memory beside
/// what is made of them; a file that ends early is an error then, and no signal.
extension WeightStore {
    /// Stored bytes of a batch, at least and at most.
    private static let batchBytes = 1 << 20...4 << 20
    /// Packed matrices share blocks of memory, which then can have large pages. Those of this size have one to themselves.
    private static let blockBytes = 32 << 20
    private static let alignment = 4096
    /// Less than this is read through the page cache, always: it costs little there, and small models are started often.
    private static let largeBytes = 1 << 30

    /// Packs those of these weights that the device has no packed form of yet.
    func pack(_ weights: [Int]) throws {
        var jobs: [(job: PackingJob, identity: Identity, key: PackedMatrices.Key?)] = []
        for index in weights {
            let identity = try Self.identity(index, segment), weight = segment.graph.weights[index]
            let key = PackedMatrices.Key(weight, segment.weights[index])
            let job = try job(index)
            if let known = key.flatMap({ device.packedMatrices[$0] }) {
                retain(known.memory)
                setMatrix(Matrix(pointer: known.pointer, packing: job.packing), for: identity)
            } else {
                jobs.append((job, identity, key))
            }
        }
        // As they follow each other in the files; what is in memory comes last.
        jobs.sort { a, b in
            guard let first = a.job.file, let second = b.job.file else { return a.job.file != nil && b.job.file == nil }
            return (first.descriptor, first.offset) < (second.descriptor, second.offset)
        }
        let places = try place(jobs.map(\.job))
        for number in jobs.indices { jobs[number].job.target = places[number].pointer }
        try pack(jobs.map(\.job))
        device.packedMatrices.trim()
        for (number, entry) in jobs.enumerated() {
            setMatrix(Matrix(pointer: entry.job.target, packing: entry.job.packing), for: entry.identity)
            if let key = entry.key { device.packedMatrices[key] = places[number] }
        }
    }

    /// Memory for each job's packed form.
    private func place(_ jobs: [PackingJob]) throws -> [PackedMatrices.Place] {
        var sizes: [Int] = []
        for job in jobs {
            let (size, overflow) = job.packedMatrixBytes.multipliedReportingOverflow(by: job.matrices)
            guard !overflow, size <= Int.max / 2 else { throw HadalError(.outOfMemory, "weight '\(job.name)' is too large to address") }
            sizes.append((size + Self.alignment - 1) / Self.alignment * Self.alignment)
        }
        var places: [PackedMatrices.Place] = []
        var first = 0
        while first < sizes.count {
            var end = first + 1, total = sizes[first]
            while end < sizes.count, total + sizes[end] <= Self.blockBytes {
                total += sizes[end]
                end += 1
            }
            let block = try allocateBlock(total, huge: true)
            var offset = 0
            for number in first..<end {
                places.append(.init(memory: block, pointer: block.pointer + offset))
                offset += sizes[number]
            }
            first = end
        }
        return places
    }

    private func job(_ index: Int) throws -> PackingJob {
        let data = try Self.data(index, segment), weight = segment.graph.weights[index]
        let dims = weight.dims.suffix(2)
        guard dims.count == 2, let rows = dims.first, let columns = dims.last, let rowBytes = weight.dtype.byteCount(elements: columns),
            let base = data.baseAddress
        else { throw HadalError(.invalidArgument, "weight '\(weight.name)' is not a matrix") }
        return PackingJob(
            name: weight.name, dtype: weight.dtype.rawValue, matrices: weight.elements / (rows * columns), rows: rows, columns: columns,
            rowBytes: rowBytes, packing: Self.packing(of: weight, device), bytes: base, file: file(index),
            target: UnsafeMutableRawPointer(mutating: base))
    }

    /// The range of a file that a weight's bytes can be read from, if all of it is there.
    func file(_ index: Int) -> (descriptor: Int32, offset: UInt64)? {
        guard let file = segment.weights[index].file, file.descriptor >= 0 else { return nil }
        var status = stat()
        let end = file.offset.addingReportingOverflow(UInt64(segment.graph.weights[index].bytes))
        guard fstat(file.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, !end.overflow,
            end.partialValue <= UInt64(clamping: Int(status.st_size))
        else { return nil }
        return file
    }

    private func pack(_ jobs: [PackingJob]) throws {
        guard !jobs.isEmpty else { return }
        let stored = jobs.reduce(0) { $0 + $1.storedBytes }
        let batches = PackingBatch.batches(of: jobs, limit: min(max(stored / 64, Self.batchBytes.lowerBound), Self.batchBytes.upperBound))
        let kernel = try device.kernels.kernel("linear_pack", of: Op.linear)
        let fromFiles = jobs.reduce(0) { $1.file == nil ? $0 : $0 + $1.storedBytes }
        let policy: BatchReader.CachePolicy =
            Self.isScarce(stored: fromFiles, packed: bytes) ? .never : fromFiles >= Self.largeBytes ? .keepSlow : .keep
        let reader = try BatchReader(batches, of: jobs, policy)
        for batch in batches {
            try run(batch.plan(jobs, kernel, buffer: try reader.next()))
            reader.release()
        }
    }

    /// Whether memory lacks room for what is stored, as the page cache would keep it, beside what is made of it.
    private static func isScarce(stored: Int, packed: Int) -> Bool {
        guard let free = Processors.freeMemory else { return false }
        let (needed, overflow) = stored.addingReportingOverflow(packed)
        return overflow || UInt64(needed) > free - free / 32
    }

    /// A weight's bytes as they are stored: where the host has them, or read into memory of their own.
    struct Stored {
        var base: UnsafeRawPointer
        var bytes: UnsafeRawBufferPointer
        fileprivate var memory: HostMemory?
    }

    /// A weight's bytes, for the moment: read from its file, if it has one, without touching the host's mapping.
    func stored(_ index: Int) throws -> Stored {
        let data = try Self.data(index, segment)
        guard let base = data.baseAddress else {
            throw HadalError(.invalidArgument, "weight '\(segment.graph.weights[index].name)' has no data")
        }
        guard file(index) != nil else { return Stored(base: base, bytes: data, memory: nil) }
        let bytes = segment.graph.weights[index].bytes
        let memory = try HostMemory(bytes: bytes, huge: false)
        try copy(index, data, to: memory.pointer)
        return Stored(base: memory.pointer, bytes: UnsafeRawBufferPointer(start: memory.pointer, count: bytes), memory: memory)
    }

    /// Copies a weight as it is stored.
    func copy(_ index: Int, _ data: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) throws {
        let weight = segment.graph.weights[index]
        guard let file = file(index) else {
            if let base = data.baseAddress { target.copyMemory(from: base, byteCount: weight.bytes) }
            return
        }
        let end = SystemIO.read(file.descriptor, at: file.offset, into: target, count: weight.bytes)
        guard end == .complete else {
            throw HadalError(.io, "cannot read weight '\(weight.name)' (\(weight.bytes) bytes at \(file.offset)): \(end.reason)")
        }
    }
}
