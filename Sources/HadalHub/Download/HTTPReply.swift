import HadalCore

/// What a server's answer to a request for the bytes from `offset` on means.
enum HTTPReply: Equatable {
    /// The rest of the file follows.
    case rest
    /// The whole file follows, from its first byte.
    case whole
    /// The part on disk is of no use to the server: ask again from the first byte.
    case askAgain
    /// Worth another try.
    case unavailable(String)
    case failure(HadalError)

    /// - Parameters:
    ///   - header: a header field's value by its lower-case name.
    ///   - expected: the file's whole length.
    init(status: Int, header: (String) -> String?, offset: Int, expected: Int, url: String) {
        let place = SourcePlace(url)
        switch status {
        case 206:
            guard let range = Self.contentRange(header("content-range")) else {
                self = .failure(HadalError(.malformed, "the server sent a part of the file without saying which", at: place))
                return
            }
            guard range.from == offset else {
                self = .askAgain
                return
            }
            self = Self.check(range.total, expected, place) ?? .rest
        case 200:
            let encoded = header("content-encoding").map { $0 != "identity" } ?? false
            self = Self.check(encoded ? nil : header("content-length").flatMap { Int($0) }, expected, place) ?? .whole
        case 416: self = .askAgain
        case 404, 410:
            self = .failure(
                HadalError(
                    .notFound, "the server has no such file (HTTP \(status))", at: place, hint: "the catalogue's address may be out of date"
                ))
        case 408, 425, 429, 500...599: self = .unavailable("the server answered HTTP \(status)")
        case 300..<400:
            self = .failure(HadalError(.io, "the server redirects to where this program does not follow (HTTP \(status))", at: place))
        default: self = .failure(HadalError(.io, "the server refuses the file (HTTP \(status))", at: place))
        }
    }

    private static func check(_ length: Int?, _ expected: Int, _ place: SourcePlace) -> HTTPReply? {
        guard let length, length != expected else { return nil }
        return .failure(
            HadalError(
                .mismatch, "the server's file has \(length) bytes; the catalogue says \(expected)", at: place,
                hint: "it is another version of the file than the catalogue's"))
    }

    /// `bytes 100-199/200`; the total may be `*`.
    private static func contentRange(_ value: String?) -> (from: Int, total: Int?)? {
        guard let value, value.lowercased().hasPrefix("bytes ") else { return nil }
        let parts = value.dropFirst("bytes ".count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0.filter { $0 != " " }) }
        guard ends.count == 2, let from = ends[0], let to = ends[1], from >= 0, to >= from else { return nil }
        return (from, Int(parts[1]))
    }
}
