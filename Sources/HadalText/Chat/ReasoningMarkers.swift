/// The texts around a model's reasoning.
public struct ReasoningMarkers: Sendable, Equatable {
    public var open: String
    public var close: String

    /// An empty marker never matches.
    public init(open: String, close: String) {
        self.open = open
        self.close = close
    }

    /// `<think>` and `</think>`.
    public static let think = ReasoningMarkers(open: "<think>", close: "</think>")

    /// Whether a rendered prompt ends inside a reasoning block, so that the model's first token is reasoning already.
    public func isOpen(atEndOf prompt: String) -> Bool {
        guard !open.isEmpty else { return false }
        var bytes = Array(prompt.utf8)[...]
        while let last = bytes.last, last == 0x0A || last == 0x0D || last == 0x20 || last == 0x09 { bytes.removeLast() }
        return bytes.count >= open.utf8.count && bytes.suffix(open.utf8.count).elementsEqual(open.utf8)
    }
}
