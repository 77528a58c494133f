package import HadalCore

extension ChatTemplate {
    /// Renders one row of a JSON Lines file.
    ///
    /// - Parameter row: An object with `messages`, and optionally `tools` and `options`.
    /// - Returns: `{"rendered": text}`, or `{"error": message, "error_kind": kind}` with the kind `raise_exception`, `runtime` or
    ///   `limit_exceeded`.
    /// - Throws: `HadalError.malformed` for a row of another shape.
    package func renderRow(_ row: JSON, now: TemplateClock = .local(), limits: TemplateLimits = .standard) throws -> JSON {
        guard let object = row.object, let messages = object["messages"], messages.array != nil else {
            throw HadalError(.malformed, "a row needs an array \"messages\"", at: SourcePlace(name))
        }
        let options = object["options"] ?? .null
        guard options.isNull || options.object != nil else {
            throw HadalError(.malformed, "\"options\" of a row must be an object", at: SourcePlace(name))
        }
        do {
            let text = try render(
                messages: messages, tools: object["tools"], options: options.object ?? JSONObject(), now: now, limits: limits)
            return JSON(.object(JSONObject([("rendered", JSON(.string(text)))])))
        } catch let error as TemplateError {
            return ChatTemplate.failure(error.message, error.kind.rawValue)
        } catch let error as HadalError {
            return ChatTemplate.failure(error.message, error.code.rawValue)
        }
    }

    private static func failure(_ message: String, _ kind: String) -> JSON {
        JSON(.object(JSONObject([("error", JSON(.string(message))), ("error_kind", JSON(.string(kind)))])))
    }
}
