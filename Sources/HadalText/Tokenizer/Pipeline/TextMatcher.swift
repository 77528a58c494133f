/// What a split or a replacement looks for.
enum TextMatcher: Sendable {
    case pattern(Pattern)
    /// Not empty.
    case literal([UInt8])
    /// Every character of punctuation.
    case punctuation

    /// Calls `body` with every match in `text[range]`, from left to right; ranges are those of `text`.
    func forEachMatch(
        in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ scratch: Pattern.Scratch, _ body: (Range<Int>) -> Void
    ) throws {
        switch self {
        case .pattern(let pattern):
            let offset = range.lowerBound
            try pattern.forEachMatch(in: UnsafeBufferPointer(rebasing: text[range]), scratch) {
                body($0.lowerBound + offset..<$0.upperBound + offset)
            }
        case .punctuation:
            var at = range.lowerBound
            while at < range.upperBound {
                let (value, next) = UTF8Text.scalar(text, at: at)
                if Unicode.Scalar(value)?.isPunctuation == true { body(at..<next) }
                at = next
            }
        case .literal(let bytes):
            guard let first = bytes.first else { return }
            var at = range.lowerBound
            while at + bytes.count <= range.upperBound {
                if text[at] == first, text[at..<at + bytes.count].elementsEqual(bytes) {
                    body(at..<at + bytes.count)
                    at += bytes.count
                } else {
                    at += 1
                }
            }
        }
    }
}
