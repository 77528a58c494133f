import Foundation
import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension ModelStore {
    /// Brings a catalogue model into the store and checks its SHA-256. A model that is there already costs one checksum.
    ///
    /// This, with an address in the catalogue, is the only thing in Hadal that opens a network connection.
    ///
    /// - Parameters:
    ///   - source: a file to take instead of a download, for models that have no address and machines that have no network.
    ///   - progress: called from any thread, a few times a megabyte at most.
    /// - Throws: `notFound` for an unknown name or a dead address; `cancelled` when the calling task is cancelled; `corrupt`
    ///   for a wrong checksum; `io`. A broken download stays as a `.part` file, with which the next pull goes on.
    @discardableResult
    public func pull(
        _ name: String, from source: String? = nil, options: PullOptions = PullOptions(),
        progress: (@Sendable (PullProgress) -> Void)? = nil
    ) async throws -> InstalledModel {
        let entry = try entry(named: name)
        let directory = directory(of: name)
        try WholeFile.makeDirectories(directory, for: .everyone)
        let lock = try StoreLock(directory: directory, name: name)
        defer { withExtendedLifetime(lock) {} }
        var record = VerificationRecord(directory: directory)
        if let source {
            try take(source, for: entry, &record, progress)
            return installed(entry)
        }
        var missing: [(file: CatalogueFile, url: URL)] = []
        for file in entry.files {
            let path = path(of: file, in: entry)
            if record.holds(file, at: path) { continue }
            if FileBytes.status(path)?.bytes == file.bytes, try checksum(of: path, file, progress) == file.sha256 {
                try record.note(file, at: path)
                continue
            }
            guard let address = file.url, let url = URL(string: address), url.host != nil else {
                throw HadalError(
                    .notFound, "the catalogue has no address for '\(file.name)'", at: SourcePlace(path),
                    hint: installHint(entry))
            }
            missing.append((file, url))
        }
        try checkSpace(for: missing.map(\.file), in: entry)
        for (file, url) in missing {
            let path = path(of: file, in: entry)
            try await FileDownload(file: file, url: url, path: path, options: options, progress: progress).run()
            try record.note(file, at: path)
        }
        return installed(entry)
    }

    /// Copies a local file in, as the file of the model whose checksum it has.
    private func take(
        _ source: String, for entry: CatalogueEntry, _ record: inout VerificationRecord, _ progress: (@Sendable (PullProgress) -> Void)?
    ) throws {
        guard let status = FileBytes.status(source) else { throw HadalError(.notFound, "there is no file '\(source)'") }
        let candidates = entry.files.filter { $0.bytes == status.bytes }
        guard !candidates.isEmpty else {
            let sizes = entry.files.map { "\($0.name): \($0.bytes) bytes" }.joined(separator: ", ")
            throw HadalError(
                .mismatch, "the file has \(status.bytes) bytes, which no file of '\(entry.name)' has", at: SourcePlace(source), hint: sizes)
        }
        try checkSpace(for: [candidates[0]], in: entry)
        // The copy is checked, not the source, which may change under our hands.
        let temporary = "\(directory(of: entry.name))/.incoming"
        let hash = try FileChecksum()
        do {
            let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw FileBytes.error("cannot create", temporary) }
            defer { close(descriptor) }
            try FileBytes.read(source, limit: status.bytes) { piece, done in
                try FileBytes.write(piece, to: descriptor, path: temporary)
                try hash.update(piece)
                progress?(PullProgress(phase: .copying, file: candidates[0].name, bytes: done, total: status.bytes, resumedFrom: 0))
            }
            guard fsync(descriptor) == 0 else { throw FileBytes.error("cannot write", temporary) }
            let found = try hash.finish()
            guard let file = candidates.first(where: { $0.sha256 == found }) else {
                throw HadalError(
                    .corrupt, "the SHA-256 is \(found); the catalogue says \(candidates.map(\.sha256).joined(separator: " or "))",
                    at: SourcePlace(source),
                    hint: "nothing was kept")
            }
            let path = path(of: file, in: entry)
            guard rename(temporary, path) == 0 else { throw FileBytes.error("cannot rename to", path) }
            try record.note(file, at: path)
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private func checksum(of path: String, _ file: CatalogueFile, _ progress: (@Sendable (PullProgress) -> Void)?) throws -> String {
        try FileChecksum.ofFile(path) { done in
            progress?(PullProgress(phase: .verifying, file: file.name, bytes: done, total: file.bytes, resumedFrom: 0))
        }
    }

    /// Refuses before the first byte what would fill the disk.
    private func checkSpace(for files: [CatalogueFile], in entry: CatalogueEntry) throws {
        var info = statvfs()
        let directory = directory(of: entry.name)
        guard statvfs(directory, &info) == 0 else { return }
        let (free, overflow) = Int(clamping: info.f_bavail).multipliedReportingOverflow(by: Int(clamping: info.f_frsize))
        let needed = files.reduce(0) { sum, file in
            sum + max(0, file.bytes - (FileBytes.status(path(of: file, in: entry) + Self.partialSuffix)?.bytes ?? 0))
        }
        guard overflow || needed <= free else {
            throw HadalError(
                .io, "'\(entry.name)' needs \(needed) more bytes; the disk has \(free) free", at: SourcePlace(directory),
                hint: "free some space, or set HADAL_MODELS to another directory")
        }
    }
}
