import HadalCore

/// Reads schemas into records, one for each combination of schemas that turns up, and keeps what is known of them.
///
/// Used by one thread, for one document.
final class SchemaCompiler {
    /// What a document may cost. Schemas can combine without end; the counts make that an error after some milliseconds.
    struct Limits {
        /// Alternatives of one type in one schema.
        var alternatives = 512
        var terms = 100_000
        /// Units of work: a property, an alternative or an item looked at.
        var work = 3_000_000
    }

    let source: SchemaSource
    let strings = StringSets()
    let limits: Limits
    let stack = StackGuard()
    var terms = SchemaTerms()
    var records: [SchemaTerms.ID: SchemaRecord] = [:]
    var failures: [SchemaTerms.ID: HadalError] = [:]
    /// Terms whose records are being made, with how many questions of emptiness were open when that began.
    var building: [SchemaTerms.ID: Int] = [:]
    var emptyTerms: [SchemaTerms.ID: Bool] = [:]
    var openQuestions = 0
    var patterns: [ExactString: StringSets.ID] = [:]
    /// Where divisors, and what arrays contain, were first read: for errors that turn up when they are written.
    var divisorNodes: [Divisor: SchemaSource.ID] = [:]
    var containmentNodes: [SchemaTerms.ID: SchemaSource.ID] = [:]
    private(set) var work = 0

    init(source: SchemaSource, limits: Limits = Limits()) {
        self.source = source
        self.limits = limits
    }

    /// Thrown inside a question whose answer depends on itself; never leaves this type.
    struct Unknown: Error {}

    func spend(_ amount: Int) throws {
        work += amount
        guard work <= limits.work, terms.count <= limits.terms else {
            throw source.error(.limitExceeded, "the schema has too many combinations", at: SchemaSource.root)
        }
    }

    func term(_ node: SchemaSource.ID) -> SchemaTerms.ID { terms.schema(node, json: source.nodes[node].json) }

    func record(_ term: SchemaTerms.ID) throws -> SchemaRecord {
        if let record = records[term] { return record }
        if let failure = failures[term] { throw failure }
        if let level = building[term] {
            if level < openQuestions { throw Unknown() }
            throw source.error(.unsupported, "a schema that refers to itself without a property or an item in between", at: node(of: term))
        }
        try stack.check()
        try spend(1)
        building[term] = openQuestions
        defer { building[term] = nil }
        do {
            let record = try make(term)
            records[term] = record
            return record
        } catch let error as HadalError {
            failures[term] = error
            throw error
        }
    }

    private func node(of term: SchemaTerms.ID) -> SchemaSource.ID {
        if case .schema(let node) = terms[term] { node } else { SchemaSource.root }
    }

    /// Whether a term is, or demands, what a schema does not allow.
    func isOfComplements(_ term: SchemaTerms.ID) -> Bool {
        switch terms[term] {
        case .complement: true
        case .intersection(let members): members.contains { isOfComplements($0) }
        default: false
        }
    }

    private func make(_ term: SchemaTerms.ID) throws -> SchemaRecord {
        switch terms[term] {
        case .all: return .all(strings)
        case .none: return .none(strings)
        case .schema(let node): return try read(node)
        case .constant(let index): return try constant(terms.constants[index])
        case .complement(let inner): return try complement(try record(inner))
        case .intersection(let members):
            var result = try record(members[0])
            for member in members.dropFirst() { result = try intersection(result, try record(member)) }
            return result
        case .union(let members):
            var result = try record(members[0])
            for member in members.dropFirst() { result = try union(result, try record(member)) }
            return result
        }
    }

    // MARK: Emptiness

    /// Whether a term is known to allow nothing. Where the answer would take too long, or depends on itself, it is no.
    func isEmpty(_ term: SchemaTerms.ID) throws -> Bool {
        if term == SchemaTerms.none { return true }
        if term == SchemaTerms.all { return false }
        if let known = emptyTerms[term] { return known }
        guard openQuestions < 12 else { return false }
        openQuestions += 1
        defer { openQuestions -= 1 }
        do {
            let result = try isEmpty(try record(term))
            if result || openQuestions == 1 { emptyTerms[term] = result }
            return result
        } catch is Unknown {
            return false
        } catch let error as HadalError {
            if work > limits.work { throw error }
            emptyTerms[term] = false
            return false
        }
    }

    private func isEmpty(_ record: SchemaRecord) throws -> Bool {
        guard !record.isPartial else { return false }
        guard !record.allowsNull, !record.allowsFalse, !record.allowsTrue, record.numbers.isEmpty else { return false }
        guard strings.isEmpty(record.strings) else { return false }
        return try record.arrays.allSatisfy { try isEmpty($0) } && record.objects.allSatisfy { try isEmpty($0) }
    }
}
