/// What a schema allows of each type of JSON.
struct SchemaRecord {
    var allowsNull: Bool
    var allowsFalse: Bool
    var allowsTrue: Bool
    var numbers: NumberSet
    var strings: StringSets.ID
    /// Any one of these.
    var arrays: [ArrayShape]
    /// Any one of these.
    var objects: [ObjectShape]
    /// Whether some values are left out that the schema allows: the record may be written, but neither complemented nor found empty.
    var isPartial = false

    static func all(_ strings: StringSets) -> SchemaRecord {
        SchemaRecord(
            allowsNull: true, allowsFalse: true, allowsTrue: true, numbers: .all, strings: strings.all, arrays: [.any],
            objects: [.any(strings)])
    }

    static func none(_ strings: StringSets) -> SchemaRecord {
        SchemaRecord(
            allowsNull: false, allowsFalse: false, allowsTrue: false, numbers: .none, strings: strings.none, arrays: [], objects: [])
    }
}
