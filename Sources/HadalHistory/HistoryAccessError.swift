/// Why a passphrase keeps a caller out. All other errors of a history are `HadalError`.
package enum HistoryAccessError: Error, Sendable, Equatable {
    /// The history has a passphrase and it has not been given.
    case locked
    /// Nothing was changed.
    case wrongPassphrase
}

extension HistoryAccessError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .locked: "the history is locked: it requires its passphrase"
        case .wrongPassphrase: "the passphrase is wrong; nothing was changed"
        }
    }
}
