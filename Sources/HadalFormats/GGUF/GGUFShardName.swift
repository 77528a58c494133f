/// The published naming of split GGUF files: `model-00002-of-00003.gguf`.
struct GGUFShardName {
    /// Everything before `-00002-of-00003.gguf`, directory included.
    let prefix: String
    /// 1-based.
    let number: Int
    let count: Int

    init(prefix: String, number: Int, count: Int) {
        self.prefix = prefix
        self.number = number
        self.count = count
    }

    init?(path: String) {
        let bytes = Array(path.utf8)
        let tail = 20  // "-NNNNN-of-NNNNN.gguf"
        guard bytes.count >= tail else { return nil }
        let suffix = Array(bytes[(bytes.count - tail)...])
        guard suffix[0] == UInt8(ascii: "-"), suffix[6..<10].elementsEqual("-of-".utf8), suffix[15...].elementsEqual(".gguf".utf8),
            let number = Self.digits(suffix[1..<6]), let count = Self.digits(suffix[10..<15])
        else { return nil }
        self.init(prefix: String(decoding: bytes[..<(bytes.count - tail)], as: UTF8.self), number: number, count: count)
    }

    private static func digits(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    var path: String { "\(prefix)-\(Self.padded(number))-of-\(Self.padded(count)).gguf" }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
