import Hadal
import HadalCore

/// Prompts for what goes between two texts, with the tokens that models trained for it have.
enum Infill {
    /// Tokens before the text before, before the text behind, and before the answer.
    private struct Markers: Sendable {
        let before: String, behind: String, answer: String
        /// The text behind comes first in the prompt.
        var behindFirst = false
    }

    private static let known = [
        Markers(before: "<|fim_prefix|>", behind: "<|fim_suffix|>", answer: "<|fim_middle|>"),
        Markers(before: "<｜fim▁begin｜>", behind: "<｜fim▁hole｜>", answer: "<｜fim▁end｜>"),
        Markers(before: "<fim_prefix>", behind: "<fim_suffix>", answer: "<fim_middle>"),
        Markers(before: "<fim-prefix>", behind: "<fim-suffix>", answer: "<fim-middle>"),
        Markers(before: "▁<PRE>", behind: "▁<SUF>", answer: "▁<MID>"),
        Markers(before: "[PREFIX]", behind: "[SUFFIX]", answer: "", behindFirst: true),
    ]

    /// - Throws: `APIError` where the model has no such tokens.
    static func prompt(before: String, after: String, _ engine: Engine) throws -> [Int32] {
        guard let tokenizer = engine.tokenizer else { throw APIError.invalid("the model has no tokenizer") }
        for markers in known {
            guard let first = tokenizer.id(of: markers.before), let second = tokenizer.id(of: markers.behind) else { continue }
            let last = markers.answer.isEmpty ? [] : [tokenizer.id(of: markers.answer)].compactMap { $0 }
            guard markers.answer.isEmpty || !last.isEmpty else { continue }
            let (head, tail) = (try tokenizer.encode(before, parseSpecial: false), try tokenizer.encode(after, parseSpecial: false))
            let body = markers.behindFirst ? [second] + tail + [first] + head : [first] + head + [second] + tail + last
            return try engine.encodePrompt("") + body
        }
        throw APIError.invalid("the model has no tokens for text between two others", field: "suffix")
    }
}
