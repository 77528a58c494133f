package import HadalConstraints

/// Matches expressions by their definition, place by place: slow, and simple enough to be believed.
package enum NaiveRegex {
    package static func matches(_ regex: ByteRegex, _ text: String) -> Bool { matches(regex, Array(text.utf8)) }
    package static func matches(_ regex: ByteRegex, _ bytes: [UInt8]) -> Bool { ends(regex, bytes, 0).contains(bytes.count) }

    /// Where a match that begins at `start` can end.
    package static func ends(_ regex: ByteRegex, _ bytes: [UInt8], _ start: Int) -> Set<Int> {
        switch regex {
        case .nothing: return []
        case .empty: return [start]
        case .set(let set): return start < bytes.count && set.contains(bytes[start]) ? [start + 1] : []
        case .concatenation(let parts):
            return parts.reduce([start]) { places, part in Set(places.flatMap { ends(part, bytes, $0) }) }
        case .union(let parts): return Set(parts.flatMap { ends($0, bytes, start) })
        case .intersection(let parts):
            return parts.reduce(Set(start...bytes.count)) { $0.intersection(ends($1, bytes, start)) }
        case .complement(let inner): return Set(start...bytes.count).subtracting(ends(inner, bytes, start))
        case .repetition(let inner, let minimum, let maximum):
            // Beyond one repetition a byte nothing changes any more.
            let most = bytes.count + 1
            var places: Set<Int> = [start]
            for _ in 0..<min(minimum, most) { places = Set(places.flatMap { ends(inner, bytes, $0) }) }
            var all = places
            for _ in 0..<min((maximum ?? Int.max) - minimum, most) {
                places = Set(places.flatMap { ends(inner, bytes, $0) }).subtracting(all)
                if places.isEmpty { break }
                all.formUnion(places)
            }
            return all
        case .counted(let text, let unit, let minimum, let maximum):
            if minimum > maximum ?? minimum { return [] }
            return ends(text, bytes, start).intersection(ends(.repetition(unit, minimum: minimum, maximum: maximum), bytes, start))
        }
    }
}
