/// What becomes of the matches that a text is split at.
enum SplitBehavior: String, CaseIterable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"

    /// Appends the pieces that `parts`, which cover a text without a gap, are joined to.
    func join(_ parts: [SplitPart], into pieces: inout [Range<Int>]) {
        let first = pieces.count
        switch self {
        case .isolated: for part in parts { pieces.append(part.range) }
        case .removed: for part in parts where !part.isMatch { pieces.append(part.range) }
        case .contiguous:
            var previous = false
            for part in parts {
                if part.isMatch == previous, pieces.count > first {
                    pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<part.range.upperBound
                } else {
                    pieces.append(part.range)
                }
                previous = part.isMatch
            }
        case .mergedWithPrevious:
            var previous = false
            for part in parts {
                if part.isMatch, !previous, pieces.count > first {
                    pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<part.range.upperBound
                } else {
                    pieces.append(part.range)
                }
                previous = part.isMatch
            }
        case .mergedWithNext:
            var previous = false
            for part in parts.reversed() {
                if part.isMatch, !previous, pieces.count > first {
                    pieces[pieces.count - 1] = part.range.lowerBound..<pieces[pieces.count - 1].upperBound
                } else {
                    pieces.append(part.range)
                }
                previous = part.isMatch
            }
            pieces[first...].reverse()
        }
    }
}

/// A stretch of a text that is, or is not, a match.
struct SplitPart {
    var range: Range<Int>
    var isMatch: Bool
}
