import HadalCore

/// Names of the GGUF tensor types that Hadal does not decode, so that an error can name them.
enum GGUFTypeNames {
    private static let unsupported: [UInt32: String] = [
        4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S",
        22: "IQ2_S", 29: "IQ1_M", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 34: "TQ1_0", 35: "TQ2_0",
        36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 40: "NVFP4", 41: "Q1_0",
    ]

    /// The type that a file's number stands for; Hadal's own numbers (1000 and up) do not appear in files.
    static func dtype(_ number: UInt32) -> DType? { number < 1000 ? DType(rawValue: number) : nil }

    /// For example `16 (IQ2_XXS)`.
    static func describe(_ number: UInt32) -> String {
        unsupported[number].map { "\(number) (\($0))" } ?? "\(number)"
    }

    static let readable = DType.allCases.filter { $0.rawValue < 1000 }.map(\.name).joined(separator: " ")
}
