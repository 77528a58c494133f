/// The roles that tokens of a vocabulary play, as its file declares them.
public struct SpecialTokens: Sendable {
    public var bosID: Int32?
    public var eosID: Int32?
    /// End of a turn.
    public var eotID: Int32?
    /// End of a message that a turn may go on after.
    public var eomID: Int32?
    public var padID: Int32?
    public var unknownID: Int32?
    public var separatorID: Int32?
    public var maskID: Int32?
    /// Generation stops at any of these; holds `eosID` and `eotID`.
    public var endIDs: Set<Int32> = []
    /// Whether a prompt gets `prefix` in front and `suffix` behind. Encoding itself adds neither.
    public var addBOS = false
    public var addEOS = false
    /// The ids that go around a prompt: the BOS and the EOS in most models.
    public var prefix: [Int32] = []
    public var suffix: [Int32] = []
    /// The text of each role as the model's files name it, `pad_token` and `image_token` say; empty for GGUF files.
    public var names: [(role: String, text: String)] = []

    public init() {}
}
