/// "Did you mean" for misspelt names.
enum Suggestion {
    /// A hint that names the closest candidate if one is close, else all of them (at most 40).
    static func hint(for name: String, among candidates: [String], what: String = "known") -> String? {
        guard !candidates.isEmpty else { return nil }
        let scored = candidates.filter { $0.utf8.count <= 64 }.map { (distance(name, $0), $0) }
        if name.utf8.count <= 64, let best = scored.min(by: { ($0.0, $0.1) < ($1.0, $1.1) }), best.0 <= max(1, name.utf8.count / 3) {
            return "did you mean '\(best.1)'?"
        }
        let listed = candidates.sorted()
        let shown = listed.prefix(40).joined(separator: ", ")
        return "\(what): \(shown)" + (listed.count > 40 ? " and \(listed.count - 40) more" : "")
    }

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
