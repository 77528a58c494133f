import Foundation

/// What closures that may run elsewhere leave to each other.
final class Mailbox: @unchecked Sendable {
    private let lock = NSLock()
    private var held: String

    init(_ value: String) { held = value }

    var value: String {
        get { lock.withLock { held } }
        set { lock.withLock { held = newValue } }
    }
}
