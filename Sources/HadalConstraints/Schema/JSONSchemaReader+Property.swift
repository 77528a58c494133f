package import HadalCore

extension JSONSchemaReader {
    /// What a property of an object may be, for texts that do not write all of the object as JSON.
    package struct Property {
        /// JSON texts of the values; nil where there are none.
        package let json: Grammar.Symbol?
        /// The strings among them, without quotation marks and escapes; nil where there are none.
        package let strings: CharacterRegex?
        package let allowsNull: Bool
    }

    /// Adds the rules of a schema's property to a grammar.
    ///
    /// - Parameters:
    ///   - schema: the root, where references start.
    ///   - avoided: texts that no string of the JSON texts holds.
    /// - Throws: as `grammar`.
    package static func add(
        property name: String, of schema: JSON, avoiding avoided: [String], to grammar: inout Grammar, options: Options = Options()
    ) throws -> Property {
        let source = try SchemaSource(root: schema, document: nil)
        let compiler = SchemaCompiler(source: source)
        let property = schema["properties"]?[name] ?? true
        let node = source.child(SchemaSource.root, "properties", name, json: property)
        let writer = SchemaWriter(
            compiler: compiler, grammar: grammar, maximumIndentation: options.maximumIndentation, maximumRules: options.maximumRules)
        writer.avoided = avoided
        grammar = Grammar()
        defer { grammar = writer.grammar }
        do {
            let term = compiler.term(node)
            let json = try writer.write(term)
            let record = try compiler.record(term)
            let strings = compiler.strings.isEmpty(record.strings) ? nil : compiler.strings.expression(record.strings)
            return Property(json: json, strings: strings, allowsNull: record.allowsNull)
        } catch is SchemaCompiler.Unknown {
            throw source.error(.unsupported, "the schema refers to itself in a way that is not supported", at: node)
        }
    }
}
