/// A text on its way through the pre-tokenizers: its bytes, and the pieces it is cut into so far, in order.
struct Pieces {
    /// Valid UTF-8.
    var text: [UInt8]
    var ranges: [Range<Int>]
    /// The first piece is the start of the whole input.
    let startsInput: Bool

    init(_ text: [UInt8], startsInput: Bool) {
        self.text = text
        ranges = text.isEmpty ? [] : [0..<text.count]
        self.startsInput = startsInput
    }

    /// Rebuilds the text piece by piece; pieces that come out empty go.
    mutating func rewrite(_ body: (_ piece: ArraySlice<UInt8>, _ isFirst: Bool, _ out: inout [UInt8]) -> Void) {
        var out: [UInt8] = []
        out.reserveCapacity(text.count * 2)
        var rewritten: [Range<Int>] = []
        rewritten.reserveCapacity(ranges.count)
        for range in ranges {
            let start = out.count
            body(text[range], startsInput && range.lowerBound == 0, &out)
            if out.count > start { rewritten.append(start..<out.count) }
        }
        text = out
        ranges = rewritten
    }
}
