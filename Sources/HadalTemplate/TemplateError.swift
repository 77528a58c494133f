public import HadalCore

/// What went wrong while a chat template was read or rendered.
///
/// Limits (steps, depth, sizes) are not reported this way: they throw `HadalError` with `limitExceeded`.
public struct TemplateError: Error, Sendable, Equatable {
    public enum Kind: String, Sendable {
        /// The template's text is not valid Jinja.
        case syntax
        /// The template called `raise_exception`: it refuses this conversation.
        case raised = "raise_exception"
        /// An undefined value, a type error, a forbidden mutation and the like.
        case runtime
    }

    public var kind: Kind
    /// For `raised`, exactly the message the template gave.
    public var message: String
    public var place: SourcePlace?

    package init(_ kind: Kind, _ message: String, at place: SourcePlace? = nil) {
        self.kind = kind
        self.message = message
        self.place = place
    }

    static func runtime(_ message: String) -> TemplateError { TemplateError(.runtime, message) }
    static func type(_ message: String) -> TemplateError { TemplateError(.runtime, message) }

    /// The same failure as the error type the rest of Hadal throws.
    package var hadalError: HadalError {
        switch kind {
        case .syntax: HadalError(.malformed, "chat template: \(message)", at: place)
        case .raised: HadalError(.invalidArgument, "the chat template refuses this conversation: \(message)", at: place)
        case .runtime: HadalError(.invalidArgument, "the chat template failed: \(message)", at: place)
        }
    }
}

extension TemplateError: CustomStringConvertible {
    public var description: String { (place.map { "\($0): " } ?? "") + message }
}
