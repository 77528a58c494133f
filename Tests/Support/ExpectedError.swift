package import HadalCore
package import Testing

/// Runs `body`, which must throw a `HadalError` of the given code whose description holds every one of `parts`: words of its message,
/// its place or its hint.
///
/// - Returns: the error, for what else is to be said of it; nil where another one or none was thrown, which is recorded.
@discardableResult
package func expectError<Result>(
    _ code: HadalError.Code, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation, from body: () throws -> Result
) -> HadalError? {
    do {
        _ = try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as HadalError {
        #expect(error.code == code, "\(error)", sourceLocation: sourceLocation)
        for part in parts { #expect(error.description.contains(part), "'\(part)' is not in: \(error)", sourceLocation: sourceLocation) }
        return error
    } catch {
        Issue.record("not a HadalError: \(error)", sourceLocation: sourceLocation)
    }
    return nil
}
