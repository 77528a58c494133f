import HadalCipher
import HadalCore

/// Names of conversations and messages: letters, digits, `-` and `_`, at most 40.
package enum HistoryID {
    static let maximumLength = 40

    /// 128 random bits: two of them are never the same.
    package static func make() -> String { RandomBytes.make(16).hexadecimal }

    package static func isValid(_ text: String) -> Bool {
        (1...maximumLength).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
