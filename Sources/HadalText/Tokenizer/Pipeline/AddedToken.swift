/// A token that is matched in a text as a whole, before anything else happens to it.
struct AddedToken: Sendable {
    var id: Int32
    /// Not empty.
    var content: [UInt8]
    /// Takes the white space before or after it along.
    var stripsLeft = false
    var stripsRight = false
    /// Does not match inside a word.
    var singleWord = false
    /// Matched after the normalizer rather than before it.
    var normalized = false
    /// Control tokens match only where special tokens are parsed.
    var isSpecial = false
}
