/// Whether a reply in a chat calls tools. Calls that have to be made are made by construction: in the model's own form, behind what it thinks,
/// with arguments that fit the tool's schema.
public enum ToolChoice: Sendable, Equatable {
    /// As the model likes. The arguments of a tool with `"strict": true` fit its schema, where the model's form marks calls.
    case auto
    /// The model is not told of the tools.
    case none
    /// One call or several, and nothing else.
    case required
    /// One call of this tool, and nothing else.
    case named(String)
}
