import HadalCore

/// A tensor that a file holds in a type that Hadal does not read. It is an error only when something asks for it.
public struct UnreadableTensor: Sendable, Equatable {
    public let name: String
    /// The type as the file writes it.
    public let type: String
    public let file: String

    var error: HadalError {
        HadalError(
            .unsupported, "the tensor has type \(type), which Hadal does not read", at: Place(file, .field(name)),
            hint: "types that are read: \(SafetensorsTypes.readable)")
    }
}
