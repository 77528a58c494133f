/// "Did you mean" for misspelt names.
enum Suggestion {
    /// A hint that names the candidate that a name is a misspelling of, if there is one, else lists all of them (at most 40).
    static func hint(for name: String, among candidates: [String], what: String = "known") -> String? {
        guard !candidates.isEmpty else { return nil }
        let scored = candidates.filter { isMisspelling(name, of: $0) }.map { (distance(name, $0), $0) }
        if let best = scored.min(by: { ($0.0, $0.1) < ($1.0, $1.1) }) { return "did you mean '\(best.1)'?" }
        let listed = candidates.sorted()
        let shown = listed.prefix(40).joined(separator: ", ")
        return "\(what): \(shown)" + (listed.count > 40 ? " and \(listed.count - 40) more" : "")
    }

    /// Whether one name is the other but for a slip of the fingers, and not the name of something else: relu2 is no relu, q_proj no
    /// k_proj, qwen3 no qwen2. A slip leaves digits and short words as they are, and the first letter of the others.
    static func isMisspelling(_ name: String, of candidate: String) -> Bool {
        guard name.utf8.count <= 64, candidate.utf8.count <= 64 else { return false }
        let (a, b) = (words(name), words(candidate))
        // Letters in another case, separators forgotten or added.
        if a.joined() == b.joined() { return true }
        guard name.filter(\.isNumber) == candidate.filter(\.isNumber), distance(name, candidate) <= name.utf8.count / 3 else {
            return false
        }
        guard a.count == b.count else {
            return a.joined().first == b.joined().first && distance(a.joined(), b.joined()) <= 1 && b.joined().count > 5
        }
        return zip(a, b).allSatisfy { $0 == $1 || ($1.count > 3 && $0.first == $1.first && distance($0, $1) <= max(1, $1.count / 3)) }
    }

    /// The parts between separators, in lower case.
    private static func words(_ name: String) -> [String] { name.lowercased().split { "_-. ".contains($0) }.map(String.init) }

    /// Levenshtein distance in bytes.
    static func distance(_ a: String, _ b: String) -> Int {
        let (x, y) = (Array(a.utf8), Array(b.utf8))
        var row = Array(0...y.count)
        for (i, p) in x.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, q) in y.enumerated() {
                let cost = p == q ? diagonal : diagonal + 1
                diagonal = row[j + 1]
                row[j + 1] = min(cost, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[y.count]
    }
}
