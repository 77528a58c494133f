package import HadalCore
import Synchronization

/// What a text must be: a value that fits a JSON Schema, a match of a regular expression, or a text of a grammar.
///
/// Made once and used for any number of generations, at once too: what one derives of it serves the others. Knows no model and no
/// vocabulary.
public struct TextConstraint: Sendable {
    package let compiled: CompiledConstraint
    private let frames: Frames

    /// The texts of a grammar.
    ///
    /// - Throws: `invalidArgument` where there are none, `limitExceeded` where the grammar is too large.
    package init(_ grammar: Grammar) throws {
        compiled = try CompiledConstraint(grammar)
        frames = Frames(grammar)
    }

    package init(schema document: JSONDocument) throws { try self.init(JSONSchemaReader.grammar(document)) }

    /// JSON texts that fit a JSON Schema, of drafts 4 to 2020-12: properties in the schema's order, others behind them, white space as
    /// Python's `json.dumps` writes it.
    ///
    /// - Parameters:
    ///   - text: the schema.
    ///   - name: what errors call it.
    /// - Throws: `malformed` for what is no schema; `unsupported` for a keyword or a format that cannot be enforced, with its JSON pointer;
    ///   `limitExceeded` for too many combinations.
    public static func jsonSchema(_ text: String, name: String = "schema") throws -> TextConstraint {
        try TextConstraint(schema: JSONDocument(parsing: text, file: name))
    }

    /// Texts that a regular expression matches as a whole.
    ///
    /// - Throws: `malformed`, `unsupported` or `limitExceeded`, with line and column in the pattern.
    public static func regex(_ pattern: String) throws -> TextConstraint {
        try TextConstraint(Grammar(RegexReader.read(pattern, mode: .whole).bytes()))
    }

    /// Texts of a grammar in the GBNF form, from its rule `root` on.
    ///
    /// - Throws: `malformed`, `notFound` for a rule, `unsupported` or `limitExceeded`, with line and column.
    public static func grammar(_ text: String, name: String = "grammar") throws -> TextConstraint {
        try TextConstraint(GBNFReader.read(text, name: name))
    }

    /// The texts of either.
    package func or(_ other: TextConstraint) throws -> TextConstraint {
        try TextConstraint(Grammar.choice([frames.grammar, other.frames.grammar]))
    }

    // MARK: Frames

    private struct Frame: Hashable {
        let before: [[UInt8]]
        let behind: [[UInt8]]
        let opening: [UInt8]
    }

    /// The same in other texts, each made once.
    private final class Frames: Sendable {
        let grammar: Grammar
        let made = Mutex<[Frame: TextConstraint]>([:])

        init(_ grammar: Grammar) { self.grammar = grammar }
    }

    /// The same texts, with one of some others or none before them and behind them.
    ///
    /// - Parameter opening: may begin any text at all instead; empty: nothing may.
    package func framed(before: [[UInt8]], behind: [[UInt8]], orBeginning opening: [UInt8]) throws -> TextConstraint {
        if before.isEmpty, behind.isEmpty, opening.isEmpty { return self }
        let frame = Frame(before: before, behind: behind, opening: opening)
        if let known = frames.made.withLock({ $0[frame] }) { return known }
        var grammar = Grammar()
        let text = grammar.add(frames.grammar)
        func optional(_ texts: [[UInt8]]) -> Grammar.Symbol { grammar.rule([[]] + texts.map { [grammar.terminal(.bytes($0))] }) }
        var alternatives = [[optional(before), text, optional(behind)]]
        if !opening.isEmpty { alternatives.append([grammar.terminal(.bytes(opening)), grammar.terminal(.anyBytes)]) }
        grammar.start = grammar.rule(alternatives)
        let made = try TextConstraint(grammar)
        frames.made.withLock { $0[frame] = made }
        return made
    }
}
