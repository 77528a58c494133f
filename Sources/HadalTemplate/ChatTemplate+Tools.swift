import HadalCore

extension ChatTemplate {
    /// Tools as templates read them: `{"type": "function", "function": {"name", "parameters"}}`. Definitions without the object around them get it;
    /// whatever else is in the list stays as it is.
    static func wrapped(_ tools: JSON?) -> JSON? {
        guard let list = tools?.array else { return tools }
        return JSON(
            .array(
                list.map { tool in
                    guard var members = tool.object, members["function"] == nil || members["type"] == nil else { return tool }
                    if let function = members["function"] {
                        return function.object == nil
                            ? tool : JSON(.object(JSONObject([("type", "function")] + members.members.map { ($0.key, $0.value) })))
                    }
                    guard members["name"]?.string != nil, members["type"] == nil || members["type"]?.string == "function" else {
                        return tool
                    }
                    members["type"] = nil
                    return JSON(.object(JSONObject([("type", "function"), ("function", JSON(.object(members)))])))
                }), offset: tools?.offset ?? 0)
    }
}
