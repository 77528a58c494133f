import Foundation
import HadalCore

/// Brings one catalogue file to a path: request, resume, retry, check, install.
struct FileDownload {
    let file: CatalogueFile
    let url: URL
    /// Where the file goes.
    let path: String
    let options: PullOptions
    let progress: (@Sendable (PullProgress) -> Void)?

    /// - Throws: `cancelled`, `notFound`, `io`, `mismatch`; `corrupt` when the whole file arrived with a wrong checksum, in which
    ///   case the file is deleted. After the others the `.part` file stays, and the next call goes on with it.
    func run() async throws {
        // A part on disk may be of another version than the server's; then its checksum is wrong, and one fresh start is due.
        let partial = try PartialFile(for: path, limit: file.bytes)
        var startedWith = partial.count
        if partial.count < file.bytes { try await fetch(into: partial) }
        while true {
            let found = try partial.checksum()
            if found == file.sha256 { break }
            guard startedWith > 0 else {
                partial.remove()
                throw HadalError(
                    .corrupt, "the SHA-256 of what arrived is \(found); the catalogue says \(file.sha256)",
                    at: SourcePlace(url.absoluteString),
                    hint: "the file was deleted")
            }
            startedWith = 0
            try partial.restart()
            try await fetch(into: partial)
        }
        try partial.install(as: path)
    }

    private func fetch(into partial: PartialFile) async throws {
        var failures = 0
        var restarts = 0
        while true {
            let before = partial.count
            report(before, before)
            let transfer = HTTPTransfer(url: url, partial: partial, expected: file.bytes, idleTimeout: options.idleTimeout) {
                report($0, before)
            }
            switch try await transfer.run() {
            case .complete: return
            case .askAgain:
                restarts += 1
                guard restarts <= 2 else {
                    throw HadalError(
                        .io, "the server answers a request for the whole file with something else", at: SourcePlace(url.absoluteString))
                }
                try partial.restart()
            case .interrupted(let error):
                failures = partial.count > before ? 1 : failures + 1
                guard failures <= options.retries else { throw error }
                try await pause(options.retryDelay * Double(1 << min(failures - 1, 6)), at: partial.count)
            }
        }
    }

    private func pause(_ seconds: Double, at count: Int) async throws {
        do {
            try await Task.sleep(for: .seconds(seconds))
        } catch {
            throw HadalError(
                .cancelled, "the download was stopped at \(count) of \(file.bytes) bytes", at: SourcePlace(url.absoluteString),
                hint: [.action(.resumePull)])
        }
    }

    private func report(_ count: Int, _ resumedFrom: Int) {
        progress?(PullProgress(phase: .downloading, file: file.name, bytes: count, total: file.bytes, resumedFrom: resumedFrom))
    }
}
