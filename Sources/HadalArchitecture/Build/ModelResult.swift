/// What a model gives for the rows of a step that are requested: the value of this name that its main graph makes.
package enum ModelResult: String, Sendable, CaseIterable {
    /// [R, vocabulary]: scores of the tokens that may come next.
    case logits
    /// [R, width]: a vector for the text that ends with the row.
    case embedding
    /// [R, 1]: how well the second text of a pair that ends with the row fits the first.
    case score
}
