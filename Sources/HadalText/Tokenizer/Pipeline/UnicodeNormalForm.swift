import Foundation

/// The four Unicode normal forms. The only part of the tokenizers that needs Foundation: it has the tables.
enum UnicodeNormalForm: String, CaseIterable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    func apply(to text: [UInt8]) -> [UInt8] {
        let string = String(decoding: text, as: UTF8.self)
        let normal =
            switch self {
            case .nfc: string.precomposedStringWithCanonicalMapping
            case .nfd: string.decomposedStringWithCanonicalMapping
            case .nfkc: string.precomposedStringWithCompatibilityMapping
            case .nfkd: string.decomposedStringWithCompatibilityMapping
            }
        return Array(normal.utf8)
    }
}
