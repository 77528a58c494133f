/// A set of Unicode code points, as sorted ranges that neither touch nor overlap.
///
/// Surrogates may be members, since patterns name them; no UTF-8 text contains one.
package struct ScalarSet: Sendable, Hashable {
    package static let last: UInt32 = 0x10FFFF

    package private(set) var ranges: [ClosedRange<UInt32>] = []

    package init() {}
    package init(_ range: ClosedRange<UInt32>) { ranges = [range] }
    package init(_ scalars: some Sequence<Unicode.Scalar>) { self.init(ranges: scalars.map { $0.value...$0.value }) }

    /// - Parameter ranges: in any order; those beyond the last code point are cut.
    package init(ranges: [ClosedRange<UInt32>]) {
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.lowerBound <= ScalarSet.last {
            let upper = min(range.upperBound, ScalarSet.last)
            if let tail = self.ranges.last, range.lowerBound <= tail.upperBound + 1 {
                self.ranges[self.ranges.count - 1] = tail.lowerBound...max(tail.upperBound, upper)
            } else {
                self.ranges.append(range.lowerBound...upper)
            }
        }
    }

    package static let all = ScalarSet(0...last)

    package var isEmpty: Bool { ranges.isEmpty }

    package func contains(_ scalar: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(scalar)
    }

    package func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges: ranges + other.ranges) }

    package var complement: ScalarSet {
        var result = ScalarSet()
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.ranges.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= ScalarSet.last { result.ranges.append(next...ScalarSet.last) }
        return result
    }

    package func intersection(_ other: ScalarSet) -> ScalarSet {
        var result = ScalarSet()
        var i = 0
        var j = 0
        while i < ranges.count, j < other.ranges.count {
            let lower = max(ranges[i].lowerBound, other.ranges[j].lowerBound)
            let upper = min(ranges[i].upperBound, other.ranges[j].upperBound)
            if lower <= upper { result.ranges.append(lower...upper) }
            if ranges[i].upperBound < other.ranges[j].upperBound { i += 1 } else { j += 1 }
        }
        return result
    }

    package func subtracting(_ other: ScalarSet) -> ScalarSet { intersection(other.complement) }
    package func isSubset(of other: ScalarSet) -> Bool { subtracting(other).isEmpty }
}
