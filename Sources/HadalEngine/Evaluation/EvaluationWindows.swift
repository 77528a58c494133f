import HadalCore

/// How a sequence longer than a context is cut into windows, and which of its tokens each window scores.
///
/// A window holds at most `context` tokens: the BOS, where the model wants one, and text. The first window starts at the first token of the
/// text, each next one `stride` tokens later, until one reaches the end. A window scores the tokens that no earlier window held, each
/// from all that stand before it in the window. So every token is scored once, at most `context - 1` tokens of it are seen before it, and,
/// beyond the first window, at least `context - stride` of them. A token that has nothing before it in its window is not scored: the
/// first of the text without a BOS, and with `stride == context` the first of every window.
package struct EvaluationWindows: Sendable, Equatable {
    package struct Window: Sendable, Equatable {
        /// Tokens of the text that the window holds.
        package let tokens: Range<Int>
        /// Those among them that it scores.
        package let scored: Range<Int>
    }

    package let context: Int
    package let stride: Int
    /// Put in front of every window; nil for none.
    package let bos: Int32?

    /// - Throws: `invalidArgument` for a context that holds no token to predict, or a stride that would leave tokens out.
    package init(context: Int, stride: Int, bos: Int32?) throws {
        guard context >= 2 else {
            throw HadalError(.invalidArgument, "a context of \(context) tokens cannot predict anything; the minimum is 2")
        }
        let room = context - (bos == nil ? 0 : 1)
        guard stride >= 1, stride <= room else {
            throw HadalError(
                .invalidArgument, "a stride of \(stride) does not suit windows of \(room) tokens of text: it is 1 to \(room)")
        }
        (self.context, self.stride, self.bos) = (context, stride, bos)
    }

    /// The windows of a text of `count` tokens, BOS not counted.
    package func windows(count: Int) -> [Window] {
        let room = context - (bos == nil ? 0 : 1)
        var windows: [Window] = []
        var (start, done) = (0, 0)
        while done < count {
            let end = min(start + room, count)
            // Without a BOS the first token of a window has nothing that it could be predicted from.
            let first = max(done, bos == nil ? start + 1 : start)
            windows.append(Window(tokens: start..<end, scored: min(first, end)..<end))
            done = end
            start += stride
        }
        return windows
    }
}
