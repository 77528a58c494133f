package import HadalCore

/// Reads JSON Schema, drafts 4 to 2020-12, into grammars of the JSON texts that a schema allows.
///
/// What is read is enforced, all of it: a keyword, or a value of `format`, that cannot be is an error with its JSON pointer. Annotations,
/// and members that are no keywords of JSON Schema, constrain nothing. Properties come in the schema's order, others behind them, and white
/// space is that of Python's `json.dumps`, compact, spaced or indented. No listed property comes twice.
package enum JSONSchemaReader {
    package struct Options: Sendable {
        /// Spaces or tabs at the start of a line, at most.
        package var maximumIndentation = 64
        /// Rules, and terminals, of one schema's grammar.
        package var maximumRules = 60_000

        package init() {}
    }

    /// The grammar of a schema.
    ///
    /// - Throws: `HadalError` of code `malformed` for what is no schema, `unsupported` for what cannot be enforced, `limitExceeded` for
    ///   schemas with too many combinations; with the JSON pointer in the message, and its line and column as the place.
    package static func grammar(_ document: JSONDocument, options: Options = Options()) throws -> Grammar {
        try grammar(document.root, document: document, options: options)
    }

    /// The grammar of a schema that was made in memory.
    package static func grammar(_ schema: JSON, options: Options = Options()) throws -> Grammar {
        try grammar(schema, document: nil, options: options)
    }

    private static func grammar(_ schema: JSON, document: JSONDocument?, options: Options) throws -> Grammar {
        var grammar = Grammar()
        grammar.start = try add(schema, of: document, to: &grammar, options: options)
        return grammar
    }

    /// Adds the rules of a schema to a grammar.
    ///
    /// - Parameter document: where `schema` stands; its references start at `schema` all the same.
    /// - Returns: the symbol of the JSON texts that the schema allows.
    /// - Throws: as `grammar` does.
    package static func add(
        _ schema: JSON, of document: JSONDocument? = nil, to grammar: inout Grammar, options: Options = Options()
    ) throws -> Grammar.Symbol {
        let source = try SchemaSource(root: schema, document: document)
        let compiler = SchemaCompiler(source: source)
        let writer = SchemaWriter(
            compiler: compiler, grammar: grammar, maximumIndentation: options.maximumIndentation, maximumRules: options.maximumRules)
        grammar = Grammar()
        defer { grammar = writer.grammar }
        let start: Grammar.Symbol?
        do {
            start = try writer.write(compiler.term(SchemaSource.root))
        } catch is SchemaCompiler.Unknown {
            throw source.error(.unsupported, "the schema refers to itself in a way that is not supported", at: SchemaSource.root)
        }
        guard let start else {
            throw source.error(.unsupported, "no value satisfies the schema", at: SchemaSource.root)
        }
        return start
    }
}
