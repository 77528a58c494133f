import HadalCore

/// What agents of all interfaces say.
enum AgentTexts {
    /// About 9,000 tokens.
    static let instructions = (1...260).map {
        "Rule \($0): when the file number \($0 * 37 % 991) of the project is changed, run its tests, read what they say, and report it in a sentence."
    }.joined(separator: "\n")
    static let environment = "<environment>\nfolder: /home/user/project\nshell: bash\n</environment>"
    static func question(_ topic: String) -> String { "What does notes.txt say of \(topic)?" }
    static let output = "the harbour opens at nine\n"
    static let schema =
        #"{"type": "object", "properties": {"command": {"type": "string"}, "timeout": {"type": "integer", "minimum": 0}}, "required": ["command"], "additionalProperties": false}"#
    /// The same with keys in another order.
    static let otherSchema =
        #"{"additionalProperties": false, "required": ["command"], "type": "object", "properties": {"timeout": {"minimum": 0, "type": "integer"}, "command": {"type": "string"}}}"#

    static let rules = #"""
        {"rules": [
          {"role": "tool", "contains": "harbour", "thinking": "Nine.", "say": "The file says that the harbour opens at nine."},
          {"role": "user", "contains": "notes.txt", "thinking": "I want to see the file, so I have to read it first.", "say": "I will read the file.",
           "calls": [{"name": "shell", "arguments": {"command": "cat notes.txt", "timeout": 5}}]}
        ]}
        """#

    static func quoted(_ text: String) -> String { JSON(.string(text)).text() }
}
