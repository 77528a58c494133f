import HadalCore

/// Objects that one alternative of a schema allows.
struct ObjectShape: Hashable {
    struct Property: Hashable {
        let name: ExactString
        /// `none` forbids the property.
        var term: SchemaTerms.ID
        var isRequired = false
        /// Whether `properties` names it, and gives it its place among the others.
        var isListed = true
    }

    /// Names that `properties` does not have, with what their values must be.
    struct Group: Hashable {
        var names: StringSets.ID
        var term: SchemaTerms.ID
    }

    /// In the schema's order.
    var properties: [Property] = []
    /// Disjoint, and together all names.
    var groups: [Group]
    /// For each of these, some property has such a name and such a value.
    var needs: [Group] = []
    var minimum = 0
    var maximum: Int?
    /// Names that a keyword has evaluated, for `unevaluatedProperties`.
    var evaluated: StringSets.ID

    static func any(_ strings: StringSets) -> ObjectShape {
        ObjectShape(groups: [Group(names: strings.all, term: SchemaTerms.all)], evaluated: strings.none)
    }

    var isAny: Bool {
        properties.isEmpty && needs.isEmpty && minimum == 0 && maximum == nil && groups.allSatisfy { $0.term == SchemaTerms.all }
    }

    /// Whether all it says is that some properties are not there.
    var onlyForbids: Bool {
        needs.isEmpty && minimum == 0 && maximum == nil && groups.allSatisfy { $0.term == SchemaTerms.all }
            && properties.allSatisfy { $0.term == SchemaTerms.none && !$0.isRequired }
    }

    var requiredCount: Int { properties.count { $0.isRequired } }
}
