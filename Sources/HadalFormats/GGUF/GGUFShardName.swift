/// The published naming of split GGUF files: `model-00002-of-00003.gguf`, in capitals or not.
struct GGUFShardName {
    /// Everything before `-00002-of-00003.gguf`, directory included.
    let prefix: String
    /// 1-based.
    let number: Int
    let count: Int
    /// `-of-` and `.gguf` as the name spells them.
    private let middle: String
    private let end: String

    init?(path: String) {
        let bytes = Array(path.utf8)
        let tail = 20  // "-NNNNN-of-NNNNN.gguf"
        guard bytes.count >= tail else { return nil }
        let suffix = Array(bytes[(bytes.count - tail)...])
        middle = String(decoding: suffix[6..<10], as: UTF8.self)
        end = String(decoding: suffix[15...], as: UTF8.self)
        guard suffix[0] == UInt8(ascii: "-"), middle.lowercased() == "-of-", end.lowercased() == ".gguf",
            let number = Self.digits(suffix[1..<6]), let count = Self.digits(suffix[10..<15])
        else { return nil }
        prefix = String(decoding: bytes[..<(bytes.count - tail)], as: UTF8.self)
        (self.number, self.count) = (number, count)
    }

    private static func digits(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// The path of another shard of the same model, spelled alike.
    func path(of number: Int) -> String { "\(prefix)-\(Self.padded(number))\(middle)\(Self.padded(count))\(end)" }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
