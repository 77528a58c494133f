import HadalCore

/// The element type names of safetensors files.
enum SafetensorsTypes {
    private static let names: [(String, DType)] = [
        ("F64", .f64), ("F32", .f32), ("F16", .f16), ("BF16", .bf16), ("I64", .i64), ("I32", .i32), ("I16", .i16), ("I8", .i8),
        ("U8", .u8), ("BOOL", .bool), ("F8_E4M3", .f8_e4m3),
        // Exponents alone, which are scales of other tensors: bytes.
        ("F8_E8M0", .u8),
    ]

    static func dtype(_ name: String) -> DType? { names.first { $0.0 == name }?.1 }

    /// The name that files use, or nil for types that safetensors cannot hold.
    static func name(_ dtype: DType) -> String? { names.first { $0.1 == dtype }?.0 }

    static let readable = names.map(\.0).joined(separator: " ")
}
