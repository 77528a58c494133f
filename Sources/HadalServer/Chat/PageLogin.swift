import HadalCore
import Synchronization

/// Who may use the page and its conversations: a browser that has shown the token of the address that was printed. Other users and programs of the
/// machine reach the port as well.
///
/// Thread safety: any thread.
final class PageLogin: Sendable {
    static let cookie = "hadal_session"
    /// Shown to the user alone.
    let token = RandomID.text(32)
    private let sessions = Mutex<[[UInt8]]>([])
    private static let mostSessions = 256

    /// - Returns: the session's secret; nil for a wrong token.
    func session(for shown: String) -> String? {
        guard Self.isSame(SHA256.hash(Array(shown.utf8)), SHA256.hash(Array(token.utf8))) else { return nil }
        let secret = RandomID.text(40)
        sessions.withLock { sessions in
            sessions.append(SHA256.hash(Array(secret.utf8)))
            if sessions.count > Self.mostSessions { sessions.removeFirst() }
        }
        return secret
    }

    func isKnown(_ secret: String) -> Bool {
        let digest = SHA256.hash(Array(secret.utf8))
        return sessions.withLock { $0.reduce(false) { Self.isSame($1, digest) || $0 } }
    }

    /// In a time that tells nothing.
    private static func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool { zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0 }
}
