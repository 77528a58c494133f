import HadalGraph

/// Compares a model as its configuration describes it with the same model as its GGUF file does.
package enum GraphDifference {
    /// Rotary pairs are laid out differently in the two formats on purpose; the weights follow.
    private static let formatBound: Set<String> = ["layout"]

    /// One sentence for each attribute that some op loses or changes, and one if the computation itself differs.
    package static func notes(asked: ModelGraph, read: ModelGraph) -> [String] {
        var notes: [String] = []
        if read.contextLength != asked.contextLength {
            notes.append("the context length reads back as \(read.contextLength), not \(asked.contextLength)")
        }
        let (a, b) = (asked.main.nodes, read.main.nodes)
        guard a.count == b.count, zip(a, b).allSatisfy({ $0.op == $1.op }) else {
            let first = zip(a, b).first { $0.op != $1.op }.map { ", the first other one \($1.op) instead of \($0.op) at \($0.label)" } ?? ""
            return notes + ["the file reads back as another computation: \(b.count) ops instead of \(a.count)\(first)"]
        }
        var changes: [(what: String, example: String, count: Int)] = []
        for (before, after) in zip(a, b) {
            for (key, value) in before.attributes.sorted(by: { $0.key < $1.key }) where !formatBound.contains(key) {
                guard let other = after.attributes[key], !equal(value, other) else { continue }
                let what = "\(key) of \(before.op)"
                if let at = changes.firstIndex(where: { $0.what == what }) {
                    changes[at].count += 1
                } else {
                    changes.append((what, "\(other.expressionValue) instead of \(value.expressionValue) at \(before.label)", 1))
                }
            }
        }
        return notes + changes.map { "GGUF files of this family cannot say the \($0.what): \($0.example) (\($0.count) in all)" }
    }

    private static func equal(_ a: Attribute, _ b: Attribute) -> Bool {
        if a == b { return true }
        func numbers(_ x: Attribute) -> [Double]? { x.float.map { [$0] } ?? x.floats }
        guard let x = numbers(a), let y = numbers(b), x.count == y.count else { return false }
        return zip(x, y).allSatisfy { abs($0 - $1) <= 1e-6 * max(abs($0), abs($1)) }
    }
}
