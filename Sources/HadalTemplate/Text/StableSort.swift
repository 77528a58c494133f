/// Merge sort whose comparison may fail, and may be inconsistent without harm.
enum StableSort {
    static func sorted<T>(_ items: [T], _ run: TemplateRun, by precedes: (T, T) throws -> Bool) throws -> [T] {
        guard items.count > 1 else { return items }
        var source = items
        var width = 1
        while width < source.count {
            var merged: [T] = []
            merged.reserveCapacity(source.count)
            var start = 0
            while start < source.count {
                let middle = min(start + width, source.count)
                let end = min(start + 2 * width, source.count)
                var (left, right) = (start, middle)
                while left < middle, right < end {
                    try run.charge(1)
                    if try precedes(source[right], source[left]) {
                        merged.append(source[right])
                        right += 1
                    } else {
                        merged.append(source[left])
                        left += 1
                    }
                }
                merged += source[left..<middle]
                merged += source[right..<end]
                start = end
            }
            source = merged
            width *= 2
        }
        return source
    }
}
