/// The one error type that Hadal's libraries throw.
///
/// A message is a sentence for a person; `code` is for programs; `place` says where the fault lies;
/// `hint` says what to do about it, in settings that each program renders in its own words. Nothing in a library target traps on data from outside.
public struct HadalError: Error, Sendable, Equatable {
    /// What kind of failure this is. Raw values are stable and appear in `--json` output.
    public enum Code: String, Sendable, CaseIterable {
        /// The caller asked for something that cannot be (a bad value, an empty prompt, a wrong index).
        case invalidArgument = "invalid_argument"
        /// A file, tensor, key, plugin or model that is not there.
        case notFound = "not_found"
        /// Bytes or text that break their format.
        case malformed = "malformed"
        /// Well-formed, but not something this build or backend can do.
        case unsupported = "unsupported"
        /// Two things that should agree do not (a tensor's shape and its declaration, say).
        case mismatch = "mismatch"
        /// A limit on size, depth or steps was reached.
        case limitExceeded = "limit_exceeded"
        /// The context of a session is full.
        case contextFull = "context_full"
        /// Memory ran out: recoverable, and the planner reacts to it.
        case outOfMemory = "out_of_memory"
        /// Reading or writing a file or socket failed.
        case io = "io"
        /// A checksum or signature did not match.
        case corrupt = "corrupt"
        /// A backend or plugin failed while running.
        case backend = "backend"
        /// The work was cancelled by its caller.
        case cancelled = "cancelled"
    }

    public var code: Code
    public var message: String
    public var place: SourcePlace?
    public var hint: Hint?

    public init(_ code: Code, _ message: String, at place: SourcePlace? = nil, hint: Hint? = nil) {
        self.code = code
        self.message = message
        self.place = place
        self.hint = hint
    }

    /// - Parameter hint: English for a person, which names no setting.
    public init(_ code: Code, _ message: String, at place: SourcePlace? = nil, hint: String?) {
        self.init(code, message, at: place, hint: Hint(hint))
    }

    /// The same error with a place filled in where it had none.
    public func located(at place: SourcePlace) -> HadalError {
        var copy = self
        if copy.place == nil { copy.place = place }
        return copy
    }
}

extension HadalError: CustomStringConvertible {
    /// One line: `place: message (hint)`.
    public var description: String { text(\.description) }
}
