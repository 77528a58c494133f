import HadalCore

/// The texts around a model's reasoning.
package struct ReasoningMarkers: Sendable, Equatable {
    package var open: String
    package var close: String
    /// What a model writes next to the markers when it keeps to the form: used where the runtime writes them itself.
    package var afterOpen = ""
    package var beforeClose = ""
    package var afterClose = ""
    /// Texts between the parts that belong to none of them, such as headers of channels.
    package var drops: [String] = []
    /// Texts that end the reasoning although it was not closed. They are part of what follows.
    package var ends: [String] = []
    /// Reasoning may open again after the answer has begun.
    package var reopens = false
    /// Texts around the whole answer that are no part of it; empty: none.
    package var answerOpen = ""
    package var answerClose = ""

    /// An empty marker never matches.
    package init(open: String, close: String) {
        self.open = open
        self.close = close
    }

    /// `<think>` and `</think>`.
    package static let think = ReasoningMarkers(open: "<think>", close: "</think>")

    /// Whether a rendered prompt ends inside a reasoning block, so that the model's first token is reasoning already.
    package func isOpen(atEndOf prompt: String) -> Bool { Self.ends(prompt, with: open) }

    /// Whether a rendered prompt ends with a block that is closed already.
    package func isClosed(atEndOf prompt: String) -> Bool { Self.ends(prompt, with: close) }

    /// All texts that a stream must show for the parts to be told apart.
    var all: [String] { [open, close, answerOpen, answerClose].filter { !$0.isEmpty } + drops + ends }

    /// Texts that can stand only outside of calls.
    var between: [String] { [close] + drops + (answerClose.isEmpty ? [] : [answerClose]) }

    /// Whether a text ends with a marker, line ends and spaces after either aside.
    private static func ends(_ text: String, with marker: String) -> Bool {
        func trimmed(_ text: String) -> ArraySlice<UInt8> {
            var bytes = Array(text.utf8)[...]
            while let last = bytes.last, last == 0x0A || last == 0x0D || last == 0x20 || last == 0x09 { bytes.removeLast() }
            return bytes
        }
        let (bytes, wanted) = (trimmed(text), trimmed(marker))
        return !wanted.isEmpty && bytes.count >= wanted.count && bytes.suffix(wanted.count).elementsEqual(wanted)
    }
}

extension ReasoningMarkers {
    init(_ json: JSON, in document: JSONDocument) throws {
        var fields = try JSONFields(json, in: document, what: "reasoning form")
        _ = try fields.string("name")
        self.init(open: try fields.string("open"), close: try fields.string("close"))
        guard !open.isEmpty, !close.isEmpty else { throw fields.fail("markers must not be empty") }
        afterOpen = try fields.optionalString("after_open") ?? ""
        beforeClose = try fields.optionalString("before_close") ?? ""
        afterClose = try fields.optionalString("after_close") ?? ""
        reopens = try fields.optionalBool("reopens") ?? false
        drops = try fields.strings("drop")
        ends = try fields.strings("ends")
        let answer = try fields.strings("answer")
        guard answer.isEmpty || answer.count == 2 else { throw fields.fail("'answer' has the texts before and after an answer") }
        if answer.count == 2 { (answerOpen, answerClose) = (answer[0], answer[1]) }
        // Read by the rule that finds the form in a model.
        _ = fields.optional("templates")
        _ = fields.optional("tokens")
        try fields.finish()
        guard !(drops + ends).contains("") else { throw fields.fail("a text to look for must not be empty") }
    }
}
