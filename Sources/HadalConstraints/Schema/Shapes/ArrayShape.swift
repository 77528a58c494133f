/// Arrays that one alternative of a schema allows.
struct ArrayShape: Hashable {
    /// Among the items from index `from` on, so many are of `term`.
    struct Containment: Hashable {
        var term: SchemaTerms.ID
        var from = 0
        var minimum = 1
        var maximum: Int?
    }

    var prefix: [SchemaTerms.ID] = []
    /// What items behind the prefix are.
    var rest: SchemaTerms.ID = SchemaTerms.all
    var minimum = 0
    var maximum: Int?
    var containments: [Containment] = []
    /// The node whose `uniqueItems` holds.
    var unique: SchemaSource.ID?
    /// How many items from the start a keyword has evaluated, for `unevaluatedItems`.
    var evaluated = 0

    static let any = ArrayShape()

    var isAny: Bool {
        rest == SchemaTerms.all && minimum == 0 && maximum == nil && containments.isEmpty && unique == nil
            && prefix.allSatisfy { $0 == SchemaTerms.all }
    }

    func item(_ index: Int) -> SchemaTerms.ID { index < prefix.count ? prefix[index] : rest }
}
