import HadalCore
package import HadalGraph

/// Which backend runs which nodes: an ordered list of rules, the first of which that matches a node decides.
///
/// Nodes that no rule matches run where they would without rules.
public struct PlacementRules: Sendable, Equatable {
    public struct Rule: Sendable, Equatable {
        package var pattern: PlacementPattern
        /// A backend's name, or `name:device` with a device's index, id or name.
        public var backend: String
        /// Said by whoever wrote the rule; has no effect.
        public var note: String?

        /// - Throws: `invalidArgument` for a backend without a name.
        package init(_ pattern: PlacementPattern, on backend: String, note: String? = nil) throws {
            guard let first = backend.first, first != ":", backend.last != ":" else {
                throw HadalError(.invalidArgument, "placement of '\(pattern.text)' on '\(backend)': a backend is a name, or name:device")
            }
            self.pattern = pattern
            self.backend = backend
            self.note = note
        }

        public var text: String { "\(pattern.text)=\(backend)" }
    }

    public private(set) var rules: [Rule]
    /// The architecture that the rules were written for, as far as known.
    public var architecture: String?

    static let mostRules = 10_000

    /// - Throws: `invalidArgument` for a rule that can never apply, because one before it takes all that it names.
    public init(_ rules: [Rule], architecture: String? = nil) throws {
        guard rules.count <= Self.mostRules else {
            throw HadalError(.limitExceeded, "\(rules.count) placement rules; at most \(Self.mostRules) are read")
        }
        var seen: [PlacementPattern: Rule] = [:]
        var rest: Rule?
        for rule in rules {
            if let rest {
                throw HadalError(
                    .invalidArgument, "placement '\(rule.text)' can never apply: it comes after '\(rest.text)'", hint: "put rest last")
            }
            if let other = seen[rule.pattern] {
                throw HadalError(
                    .invalidArgument, "placement '\(rule.text)' can never apply: '\(other.text)' comes first",
                    hint: "name each pattern once")
            }
            seen[rule.pattern] = rule
            if rule.pattern.isRest { rest = rule }
        }
        self.rules = rules
        self.architecture = architecture
    }

    /// Rules as a command line gives them: `experts=cpu,rest=vulkan:1`.
    ///
    /// - Throws: `invalidArgument` that names the rule at fault.
    public init(parsing text: String) throws {
        var rules: [Rule] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let split = part.firstIndex(of: "=") else {
                throw HadalError(
                    .invalidArgument, "placement '\(part)' is not pattern=backend", hint: "for example experts=cpu,rest=reference")
            }
            let backend = part[part.index(after: split)...].drop(while: \.isWhitespace)
            let pattern = try PlacementPattern(String(part[..<split]))
            rules.append(try Rule(pattern, on: String(backend.reversed().drop(while: \.isWhitespace).reversed())))
        }
        try self.init(rules)
    }

    /// As `init(parsing:)` reads it, where no backend has a comma in its name.
    public var text: String { rules.map(\.text).joined(separator: ",") }

    /// For each node the index of the rule that takes it, nil where none does.
    package func assign(_ graph: Graph) -> [Int?] {
        graph.nodes.map { node in rules.firstIndex { $0.pattern.matches(node) } }
    }

    /// Looks for rules without effect on a model.
    ///
    /// - Parameters:
    ///   - graphs: all that the model may run.
    ///   - ops: the names of all ops there are.
    /// - Returns: what to warn of: ops that this model does not have.
    /// - Throws: `invalidArgument` for a rule that names nothing there is, or only what earlier rules take.
    package func check(_ graphs: [Graph], ops: Set<String>) throws -> [String] {
        var taken = Set<Int>()
        for graph in graphs { for case .some(let rule) in assign(graph) { taken.insert(rule) } }
        var warnings: [String] = []
        for (index, rule) in rules.enumerated() where !taken.contains(index) && !rule.pattern.isRest {
            let nodes = graphs.flatMap(\.nodes)
            if nodes.contains(where: rule.pattern.matches) {
                throw HadalError(
                    .invalidArgument, "placement '\(rule.text)' can never apply: earlier rules take every op that it names",
                    hint: "the first rule that matches an op decides; put it further to the front")
            }
            warnings.append(try Self.reason(rule, nodes, ops))
        }
        return warnings
    }

    /// Why a rule matches nothing: a warning where what it names exists and this model has none, an error otherwise.
    private static func reason(_ rule: Rule, _ nodes: [Graph.Node], _ ops: Set<String>) throws -> String {
        func fail(_ message: String, _ hint: HadalError.Hint) -> HadalError {
            HadalError(.invalidArgument, "placement '\(rule.text)': \(message)", hint: hint)
        }
        let arch: HadalError.Hint = [.action(.listGraph)]
        for term in rule.pattern.terms {
            switch term {
            case .rest: break
            case .word(let word):
                guard !ops.contains(word), !nodes.contains(where: { $0.op == word || $0.label == word }) else { break }
                throw fail("there is no op '\(word)'", ["ops: \(ops.sorted().joined(separator: ", "))"])
            case .label(let pattern):
                guard !nodes.contains(where: { pattern.matches($0.label) }) else { break }
                throw fail("no label is like '\(pattern.text)'", arch)
            case .range(let name, let numbers):
                let indices = nodes.compactMap { PlacementPattern.index(of: name, in: $0.label) }
                guard let least = indices.min(), let most = indices.max() else { throw fail("no index is named '\(name)'", arch) }
                guard numbers.first <= most else { throw fail("this model's \(name) are \(least) to \(most)", arch) }
            }
        }
        return "placement '\(rule.text)' has no effect: this model has no such op"
    }
}
