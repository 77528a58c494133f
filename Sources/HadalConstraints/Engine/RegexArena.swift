import HadalCore

/// Expressions in a normal form, each once: equal ones have equal indices, so that derivatives of a terminal form a finite automaton.
///
/// Derivatives and the search for the empty language are in extensions. Source: Owens, Reppy and Turon, "Regular-expression derivatives
/// re-examined", 2009.
struct RegexArena {
    static let nothing: Int32 = 0
    static let empty: Int32 = 1
    /// Every string of bytes.
    static let everything: Int32 = 2
    /// More bytes than are counted.
    static let unbounded: Int32 = 1 << 29

    enum Life: UInt8 { case unknown, alive, dead }

    /// Lengths in bytes up to which behaviour is told apart by `fingerprints`; the last stands for exactness.
    static let horizons: [Int32] = [4, 8, 16, 32, 128, .max]

    private(set) var nodes: [RegexNode] = []
    private(set) var isNullable: [Bool] = []
    /// Without intersections and complements: matches something unless it is `nothing`.
    private(set) var isPositive: [Bool] = []
    var life: [Life] = []
    /// Of each node about how many bytes it takes to match it: what the search for a match goes by.
    private(set) var distances: [Int32] = []
    /// Of each node, where it is positive, in how many bytes any text that begins a match of it can be completed; `unbounded` elsewhere.
    private(set) var completions: [Int32] = []
    /// Of each node a number of bytes: its shortest match, and of any text that begins a match some completion within `completions`, can
    /// be made longer again and again, by as many units each time, at least one and at most this number. `unbounded` where not known.
    private(set) var growths: [Int32] = []
    /// Of each node one for each of `horizons`: nodes that share it behave alike on texts up to that length.
    private(set) var fingerprints: [RegexFingerprint] = []
    private(set) var sets: [ByteSet] = []
    private var setIndices: [ByteSet: Int32] = [:]
    private var indices: [RegexNode: Int32] = [:]
    /// Of `union`, which joins only so many beginnings at once.
    var unionDepth = 0

    /// Bytes that no set of the grammar tells apart share a class.
    var classes: [UInt8] = []
    /// One byte of each class.
    var representatives: [UInt8] = []
    /// Of each node the start of its row in `rows`, or -1.
    var rowStarts: [Int32] = []
    /// Derivatives by class; they may match nothing.
    var rows: [Int32] = []
    /// Derivatives of nodes without a row, by node and class.
    var derivatives: [UInt64: Int32] = [:]

    /// Steps since `work` was last set to zero, and how many are allowed.
    var work = 0
    private let mostWork: Int

    init(_ limits: ConstraintLimits) {
        mostWork = limits.work
        _ = intern(.nothing)
        _ = intern(.empty)
        _ = intern(.complement(RegexArena.nothing))
    }

    var memory: Int { nodes.count * 320 + rows.count * 4 + derivatives.count * 24 }

    /// - Throws: `HadalError.limitExceeded`.
    func checkWork() throws {
        guard work <= mostWork else { throw HadalError(.limitExceeded, "a constraint takes more than \(mostWork) steps at once") }
    }

    func node(_ index: Int32) -> RegexNode { nodes[Int(index)] }

    // MARK: Construction

    mutating func set(_ set: ByteSet) -> Int32 {
        if set.isEmpty { return RegexArena.nothing }
        if let index = setIndices[set] { return intern(.set(index)) }
        let index = Int32(sets.count)
        sets.append(set)
        setIndices[set] = index
        return intern(.set(index))
    }

    mutating func concatenation(_ a: Int32, _ b: Int32) -> Int32 {
        if a == RegexArena.nothing || b == RegexArena.nothing { return RegexArena.nothing }
        if a == RegexArena.empty { return b }
        if b == RegexArena.empty { return a }
        if a == RegexArena.everything, b == RegexArena.everything { return a }
        return intern(.concatenation(a, b))
    }

    mutating func complement(_ a: Int32) -> Int32 {
        if case .complement(let inner) = node(a) { return inner }
        return intern(.complement(a))
    }

    mutating func repetition(_ a: Int32, minimum: Int32, maximum: Int32) -> Int32 {
        if maximum == 0 || a == RegexArena.empty { return RegexArena.empty }
        if a == RegexArena.nothing { return minimum == 0 ? RegexArena.empty : RegexArena.nothing }
        if a == RegexArena.everything { return a }
        if minimum == 1, maximum == 1 { return a }
        let minimum = isNullable[Int(a)] ? 0 : minimum
        switch node(a) {
        case .set(let index) where minimum == 0 && maximum < 0 && sets[Int(index)] == .all: return RegexArena.everything
        case .repetition(let inner, let low, -1) where low <= 1 && maximum < 0 && (minimum == 0 || low == 0):
            return repetition(inner, minimum: 0, maximum: -1)
        case .repetition(let inner, 0, 1): return repetition(inner, minimum: 0, maximum: maximum)
        default: return intern(.repetition(a, minimum: minimum, maximum: maximum))
        }
    }

    mutating func intersection(_ members: [Int32]) -> Int32 {
        work += members.count
        var flat: [Int32] = []
        var set: ByteSet?
        for member in members {
            let parts: [Int32]
            if case .intersection(let inner) = node(member) { parts = inner } else { parts = [member] }
            for part in parts where part != RegexArena.everything {
                if part == RegexArena.nothing { return part }
                if case .set(let index) = node(part) {
                    set = (set ?? .all).intersection(sets[Int(index)])
                } else {
                    flat.append(part)
                }
            }
        }
        if let set {
            if set.isEmpty { return RegexArena.nothing }
            flat.append(self.set(set))
        }
        flat = flat.sortedWithoutRepeats()
        if flat.contains(RegexArena.empty) {
            return flat.allSatisfy { isNullable[Int($0)] } ? RegexArena.empty : RegexArena.nothing
        }
        for member in flat {
            if case .complement(let inner) = node(member), flat.containsSorted(inner) { return RegexArena.nothing }
        }
        switch flat.count {
        case 0: return RegexArena.everything
        case 1: return flat[0]
        default: return intern(.intersection(flat))
        }
    }

    /// The expression without the complements that it is at once, which its derivatives mostly lose soon: names of an object's other
    /// properties are any string that none of the listed names is.
    mutating func relaxed(_ index: Int32) -> Int32 {
        if isPositive[Int(index)] { return index }
        switch node(index) {
        case .concatenation(let head, let tail): return concatenation(relaxed(head), tail)
        case .union(let members): return union(members.map { relaxed($0) })
        case .intersection(let members):
            let kept = members.filter { if case .complement = node($0) { false } else { true } }
            return kept.isEmpty || kept.count == members.count ? index : intersection(kept)
        case .counted(let text, let part, let unit, let minimum, let maximum):
            return counted(relaxed(text), part: part, unit: unit, minimum: minimum, maximum: maximum)
        default: return index
        }
    }

    /// A node in its normal form, whose operands are here.
    mutating func intern(_ node: RegexNode) -> Int32 {
        work += 1
        if let index = indices[node] { return index }
        let index = Int32(nodes.count)
        indices[node] = index
        nodes.append(node)
        rowStarts.append(-1)
        let (nullable, positive, life) = properties(node)
        isNullable.append(nullable)
        isPositive.append(positive)
        self.life.append(life)
        distances.append(distance(node))
        completions.append(completion(node))
        growths.append(growth(node))
        for horizon in RegexArena.horizons.indices { fingerprints.append(fingerprint(node, horizon)) }
        return index
    }
}

extension [Int32] {
    func containsSorted(_ value: Int32) -> Bool {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low] == value
    }

    func sortedWithoutRepeats() -> [Int32] {
        var result = self
        result.sort()
        var count = 0
        for value in result where count == 0 || value != result[count - 1] {
            result[count] = value
            count += 1
        }
        result.removeLast(result.count - count)
        return result
    }
}
