/// Whole numbers from a first to a last one, as users write them: `7`, `0-11`, `12-`.
package struct NumberRange: Sendable, Hashable {
    package let first: Int
    /// nil: without an end.
    package let last: Int?

    /// - Returns: nil for another text, and for numbers that are too large. The last may be less than the first: then there are none.
    package init?(_ text: some StringProtocol) {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = Self.number(ends[0]) else { return nil }
        self.first = first
        if ends.count == 1 {
            last = first
        } else if ends[1].isEmpty {
            last = nil
        } else {
            guard let number = Self.number(ends[1]) else { return nil }
            last = number
        }
    }

    package func contains(_ number: Int) -> Bool { number >= first && number <= last ?? .max }

    /// Digits alone: no sign, and none of another script.
    private static func number(_ text: some StringProtocol) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
}
