#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// e to the power of every number.
struct ExponentialRows: RowNode {
    let inner: any RowNode
    var dims: [Int] { inner.dims }

    func read(_ rows: Range<Int>, into out: UnsafeMutablePointer<Float>) throws {
        try inner.read(rows, into: out)
        for i in 0..<rows.count * columns { out[i] = Self.exponential(out[i]) }
    }

    static func exponential(_ x: Float) -> Float { Float(exp(Double(x))) }
}
