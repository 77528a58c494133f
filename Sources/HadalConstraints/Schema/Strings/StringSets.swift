import HadalCore

/// Sets of strings, each known by a number, so that schemas compare and intersect them cheaply.
///
/// Finite sets and their complements are kept as lists; everything else is an expression over characters.
final class StringSets {
    typealias ID = Int

    enum Content: Hashable {
        /// Sorted by their bytes, without duplicates.
        case finite([ExactString])
        /// All but these.
        case cofinite([ExactString])
        case regex(CharacterRegex)
    }

    private var contents: [Content] = []
    private var known: [Content: ID] = [:]
    private var intersections: [[ID]: ID] = [:]
    private var emptiness: [ID: Bool] = [:]
    private var lowered: [ID: ByteRegex] = [:]

    let none: ID = 0
    let all: ID = 1

    init() {
        _ = intern(.finite([]))
        _ = intern(.cofinite([]))
    }

    subscript(id: ID) -> Content { contents[id] }

    private func intern(_ content: Content) -> ID {
        if let id = known[content] { return id }
        known[content] = contents.count
        contents.append(content)
        return contents.count - 1
    }

    func finite(_ strings: some Sequence<String>) -> ID { intern(.finite(StringSets.sorted(strings.map { ExactString($0) }))) }

    func regex(_ regex: CharacterRegex) -> ID {
        if regex == .anyText { return all }
        if regex == .nothing { return none }
        if regex == .empty { return finite([""]) }
        return intern(.regex(regex))
    }

    /// The members of a finite set.
    func members(_ id: ID) -> [ExactString]? { if case .finite(let strings) = contents[id] { strings } else { nil } }

    func contains(_ id: ID, _ string: String) -> Bool {
        switch contents[id] {
        case .finite(let strings): strings.contains(ExactString(string))
        case .cofinite(let strings): !strings.contains(ExactString(string))
        case .regex(let regex): CharacterDerivative.matches(regex, string)
        }
    }

    func intersection(_ a: ID, _ b: ID) -> ID {
        if a == b || b == all { return a }
        if a == all { return b }
        if a == none || b == none { return none }
        let key = a < b ? [a, b] : [b, a]
        if let id = intersections[key] { return id }
        let id: ID
        switch (contents[a], contents[b]) {
        case (.finite(let strings), _): id = intern(.finite(strings.filter { contains(b, $0.text) }))
        case (_, .finite(let strings)): id = intern(.finite(strings.filter { contains(a, $0.text) }))
        case (.cofinite(let x), .cofinite(let y)): id = intern(.cofinite(StringSets.sorted(x + y)))
        default: id = regex(.all(of: [expression(a), expression(b)]))
        }
        intersections[key] = id
        return id
    }

    func union(_ a: ID, _ b: ID) -> ID {
        if a == b || b == none { return a }
        if a == none { return b }
        if a == all || b == all { return all }
        switch (contents[a], contents[b]) {
        case (.finite(let x), .finite(let y)): return intern(.finite(StringSets.sorted(x + y)))
        case (.cofinite(let x), _): return intern(.cofinite(x.filter { !contains(b, $0.text) }))
        case (_, .cofinite(let y)): return intern(.cofinite(y.filter { !contains(a, $0.text) }))
        default: return regex(.any(of: [expression(a), expression(b)]))
        }
    }

    func complement(_ id: ID) -> ID {
        switch contents[id] {
        case .finite(let strings): intern(.cofinite(strings))
        case .cofinite(let strings): intern(.finite(strings))
        case .regex(.complement(let inner)): regex(inner)
        case .regex(let regex): intern(.regex(.complement(regex)))
        }
    }

    /// Whether the set is known to have no member.
    func isEmpty(_ id: ID) -> Bool {
        guard case .regex(let regex) = contents[id] else { return id == none }
        if let known = emptiness[id] { return known }
        let result = CharacterDerivative.isEmpty(regex) ?? false
        emptiness[id] = result
        return result
    }

    func expression(_ id: ID) -> CharacterRegex {
        switch contents[id] {
        case .finite(let strings): .any(of: strings.map { .text($0.text) })
        case .cofinite(let strings): .complement(.any(of: strings.map { .text($0.text) }))
        case .regex(let regex): regex
        }
    }

    private static func sorted(_ strings: [ExactString]) -> [ExactString] {
        let sorted = strings.sorted { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }
        var result: [ExactString] = []
        for string in sorted where result.last != string { result.append(string) }
        return result
    }

    // MARK: As bytes of JSON

    /// What stands between the quotes of a JSON string of the set.
    func content(_ id: ID) -> ByteRegex {
        if let regex = lowered[id] { return regex }
        let regex: ByteRegex =
            switch contents[id] {
            case .finite(let strings): StringSets.trie(strings.map { Array($0.text.unicodeScalars) }[...], from: 0)
            case .cofinite(let strings) where strings.isEmpty: JSONCharacters.anyContent
            case .cofinite(let strings):
                .intersection([
                    .complement(StringSets.trie(strings.map { Array($0.text.unicodeScalars) }[...], from: 0)), JSONCharacters.anyContent,
                ])
            case .regex(let regex): regex.bytes(JSONCharacters.regex)
            }
        lowered[id] = regex
        return regex
    }

    /// A whole JSON string of the set.
    func literal(_ id: ID) -> ByteRegex { .concatenation([.text("\""), content(id), .text("\"")]) }

    /// Sorted strings as a tree of what they share at the start.
    private static func trie(_ strings: ArraySlice<[Unicode.Scalar]>, from: Int) -> ByteRegex {
        guard let first = strings.first else { return .nothing }
        if strings.count == 1 { return characters(first[from...]) }
        var shared = from
        // Sorted: what the first and the last share, all share.
        let last = strings[strings.endIndex - 1]
        while shared < first.count, shared < last.count, first[shared] == last[shared] { shared += 1 }
        var members: [ByteRegex] = []
        var start = strings.startIndex
        while start < strings.endIndex {
            if strings[start].count == shared {
                members.append(.empty)
                start += 1
                continue
            }
            var end = start + 1
            while end < strings.endIndex, strings[end][shared] == strings[start][shared] { end += 1 }
            members.append(trie(strings[start..<end], from: shared))
            start = end
        }
        let branches: ByteRegex = members.count == 1 ? members[0] : .union(members)
        return shared == from ? branches : .concatenation([characters(first[from..<shared]), branches])
    }

    private static func characters(_ scalars: ArraySlice<Unicode.Scalar>) -> ByteRegex {
        if scalars.isEmpty { return .empty }
        return .concatenation(
            scalars.map { scalar in
                // The common case, without the machinery of sets.
                if scalar.isASCII, scalar.value >= 0x20, scalar.value != 0x7F, !"\"\\/".unicodeScalars.contains(scalar) {
                    return .set(ByteSet([UInt8(scalar.value)]))
                }
                return JSONCharacters.regex(ScalarSet([scalar]))
            })
    }
}
