/// The roles that tokens of a vocabulary play, as its file declares them.
package struct SpecialTokens: Sendable {
    package var bosID: Int32?
    package var eosID: Int32?
    /// End of a turn.
    package var eotID: Int32?
    /// End of a message that a turn may go on after.
    package var eomID: Int32?
    package var padID: Int32?
    package var unknownID: Int32?
    package var separatorID: Int32?
    /// What begins the input of an encoder.
    package var classID: Int32?
    package var maskID: Int32?
    /// Generation stops at any of these; holds `eosID` and `eotID`.
    package var endIDs: Set<Int32> = []
    /// Whether a prompt gets `prefix` in front and `suffix` behind. Encoding itself adds neither.
    package var addBOS = false
    package var addEOS = false
    /// The ids that go around a prompt: the BOS and the EOS in most models.
    package var prefix: [Int32] = []
    package var suffix: [Int32] = []
    /// The text of each role as the model's files name it, `pad_token` and `image_token` say; empty for GGUF files.
    package var names: [(role: String, text: String)] = []

    package init() {}
}

/// The ids that a post-processor puts before and after a single text.
struct BoundaryTokens {
    var before: [Int32] = []
    var after: [Int32] = []
}
