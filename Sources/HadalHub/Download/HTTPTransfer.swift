import Foundation
import HadalCore
import Synchronization
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// One HTTP request that appends what it gets to a `.part` file.
///
/// URLSession calls the delegate from one serial queue; `shared` is what `run` and the cancelling task share with it.
final class HTTPTransfer: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    enum End: Sendable, Equatable {
        /// The file has its full length.
        case complete
        /// The part on disk was refused: start over.
        case askAgain
        /// The connection broke or the server is busy; another try may go on.
        case interrupted(HadalError)
    }

    private static let maximumRedirects = 10

    private let url: URL
    private let partial: PartialFile
    private let expected: Int
    private let progress: (Int) -> Void
    private let idleTimeout: Double

    private struct Shared: @unchecked Sendable {
        var continuation: CheckedContinuation<End, any Error>?
        var task: URLSessionDataTask?
        var isCancelled = false
    }

    private let shared = Mutex(Shared())
    private var failure: HadalError?
    private var askAgain = false
    private var interruption: HadalError?
    private var redirects = 0
    private var reported = 0

    /// - Parameter progress: called from the session's queue with the bytes that the file now has.
    init(url: URL, partial: PartialFile, expected: Int, idleTimeout: Double, progress: @escaping @Sendable (Int) -> Void) {
        self.url = url
        self.partial = partial
        self.expected = expected
        self.idleTimeout = idleTimeout
        self.progress = progress
    }

    /// Sends the request and waits for its end.
    /// - Throws: `cancelled` when the calling task is; what cannot be mended by another try.
    func run() async throws -> End {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.urlCache = nil
        configuration.httpCookieStorage = nil
        configuration.timeoutIntervalForRequest = idleTimeout
        configuration.timeoutIntervalForResource = 7 * 86_400
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = 1
        let session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
        defer { session.finishTasksAndInvalidate() }

        var request = URLRequest(url: url, timeoutInterval: idleTimeout)
        request.setValue("hadal", forHTTPHeaderField: "User-Agent")
        // Checksums and ranges are of the file itself, not of a compressed form of it.
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        if partial.count > 0 {
            request.setValue("bytes=\(partial.count)-", forHTTPHeaderField: "Range")
            if let validator = partial.validator { request.setValue(validator, forHTTPHeaderField: "If-Range") }
        }
        let task = session.dataTask(with: request)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = shared.withLock { shared in
                    (shared.continuation, shared.task) = (continuation, task)
                    return shared.isCancelled
                }
                task.resume()
                if isCancelled { task.cancel() }
            }
        } onCancel: {
            let task = shared.withLock { shared in
                shared.isCancelled = true
                return shared.task
            }
            task?.cancel()
        }
    }

    // MARK: URLSessionDataDelegate

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
        completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        redirects += 1
        let scheme = request.url?.scheme?.lowercased()
        let downgrade = url.scheme?.lowercased() == "https" && scheme != "https"
        guard redirects <= Self.maximumRedirects, scheme == "https" || scheme == "http", !downgrade else {
            failure = HadalError(
                .io,
                redirects > Self.maximumRedirects
                    ? "more than \(Self.maximumRedirects) redirects"
                    : "the server redirects to \(request.url?.absoluteString ?? "nowhere"), which is not safe to follow",
                at: SourcePlace(url.absoluteString))
            completionHandler(nil)
            task.cancel()
            return
        }
        var next = request
        for (name, value) in task.originalRequest?.allHTTPHeaderFields ?? [:] { next.setValue(value, forHTTPHeaderField: name) }
        completionHandler(next)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        guard failure == nil, let http = response as? HTTPURLResponse else {
            completionHandler(.cancel)
            return
        }
        let reply = HTTPReply(
            status: http.statusCode, header: { http.value(forHTTPHeaderField: $0) }, offset: partial.count, expected: expected,
            url: url.absoluteString)
        do {
            switch reply {
            case .rest: break
            case .whole:
                if partial.count > 0 { try partial.restart() }
                try partial.setValidator(Self.validator(of: http))
            case .askAgain: askAgain = true
            case .unavailable(let reason): interruption = HadalError(.io, reason, at: SourcePlace(url.absoluteString))
            case .failure(let error): failure = error
            }
        } catch {
            failure = error as? HadalError
        }
        let goesOn = failure == nil && !askAgain && interruption == nil
        completionHandler(goesOn ? .allow : .cancel)
        if !goesOn { dataTask.cancel() }
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        guard failure == nil, !askAgain, interruption == nil else { return }
        do {
            guard data.count <= expected - partial.count else {
                throw HadalError(
                    .mismatch, "the server sends more than the \(expected) bytes of the catalogue", at: SourcePlace(url.absoluteString))
            }
            try data.withUnsafeBytes { try partial.append($0) }
            if partial.count - reported >= 1 << 18 || partial.count == expected {
                reported = partial.count
                progress(partial.count)
            }
        } catch {
            failure = error as? HadalError
            dataTask.cancel()
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let (continuation, isCancelled) = shared.withLock { shared in
            defer { shared.continuation = nil }
            return (shared.continuation, shared.isCancelled)
        }
        guard let continuation else { return }
        let place = SourcePlace(url.absoluteString)
        if isCancelled {
            continuation.resume(
                throwing: HadalError(
                    .cancelled, "the download was stopped at \(partial.count) of \(expected) bytes", at: place, hint: [.action(.resumePull)]
                ))
        } else if let failure {
            continuation.resume(throwing: failure)
        } else if askAgain {
            continuation.resume(returning: .askAgain)
        } else if let interruption {
            continuation.resume(returning: .interrupted(interruption))
        } else if let error {
            if let unreachable = Self.unreachable(error, url) {
                continuation.resume(throwing: unreachable)
            } else {
                continuation.resume(
                    returning: .interrupted(
                        HadalError(
                            .io, "the connection broke at \(partial.count) of \(expected) bytes: \(error.localizedDescription)", at: place,
                            hint: [.action(.resumePull)])))
            }
        } else if partial.count < expected {
            continuation.resume(
                returning: .interrupted(
                    HadalError(
                        .io, "the server closed the connection at \(partial.count) of \(expected) bytes", at: place,
                        hint: [.action(.resumePull)])))
        } else {
            continuation.resume(returning: .complete)
        }
    }

    /// What identifies this version of the file in `If-Range`, which takes a strong ETag or a date (RFC 9110, section 13.1.5).
    private static func validator(of response: HTTPURLResponse) -> String? {
        if let tag = response.value(forHTTPHeaderField: "etag"), tag.hasPrefix("\"") { return tag }
        return response.value(forHTTPHeaderField: "last-modified")
    }

    /// The error for a host that cannot be reached at all, where another try in a second is pointless.
    private static func unreachable(_ error: any Error, _ url: URL) -> HadalError? {
        let code = (error as? URLError)?.code
        let hopeless: [URLError.Code] = [
            .cannotFindHost, .cannotConnectToHost, .dnsLookupFailed, .notConnectedToInternet, .secureConnectionFailed,
            .serverCertificateUntrusted, .serverCertificateHasBadDate, .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid,
            .unsupportedURL, .badURL, .appTransportSecurityRequiresSecureConnection,
        ]
        guard let code, hopeless.contains(code) else { return nil }
        return HadalError(
            .io, "cannot reach \(url.host ?? "the server"): \(error.localizedDescription)", at: SourcePlace(url.absoluteString),
            hint: ["check the network, or fetch the file in another way", .action(.pullFromFile(nil))])
    }
}
