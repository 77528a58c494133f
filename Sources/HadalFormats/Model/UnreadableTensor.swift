import HadalCore

/// A tensor that a file holds in a type that Hadal does not read, or that an index names and no file holds. It is an error only when
/// something asks for it.
package struct UnreadableTensor: Sendable, Equatable {
    package let name: String
    /// The type as the file writes it; empty for a tensor that is not there.
    package let type: String
    package let file: String
    private let absence: HadalError?

    init(name: String, type: String, file: String) {
        (self.name, self.type, self.file, absence) = (name, type, file, nil)
    }

    /// A tensor that is not where it should be.
    init(name: String, file: String, absence: HadalError) {
        (self.name, self.type, self.file, self.absence) = (name, "", file, absence)
    }

    var error: HadalError {
        absence
            ?? HadalError(
                .unsupported, "the tensor has type \(type), which Hadal does not read", at: SourcePlace(file, .field(name)),
                hint: "types that are read: \(SafetensorsTypes.readable)")
    }
}
