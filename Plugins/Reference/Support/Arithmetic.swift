/// a · b over `count` elements in double precision.
///
/// Four partial sums, always in the same order: the processor need not wait for one addition to end before the next.
@inline(__always)
func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Double {
    var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
    var i = 0
    while i + 4 <= count {
        s0 += Double(a[i]) * Double(b[i])
        s1 += Double(a[i + 1]) * Double(b[i + 1])
        s2 += Double(a[i + 2]) * Double(b[i + 2])
        s3 += Double(a[i + 3]) * Double(b[i + 3])
        i += 4
    }
    while i < count {
        s0 += Double(a[i]) * Double(b[i])
        i += 1
    }
    return (s0 + s1) + (s2 + s3)
}

/// As above, for what an op has not rounded yet.
@inline(__always)
func dot(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Float>, _ count: Int) -> Double {
    var sum = 0.0
    for i in 0..<count { sum += a[i] * Double(b[i]) }
    return sum
}

/// Turns `scores` into weights exp(score - m) / (sum + exp(extra - m)). All minus infinity and no `extra`: zeros.
func softmax(_ scores: inout [Double], extra: Double? = nil) {
    var maximum = extra ?? -.infinity
    for score in scores { maximum = max(maximum, score) }
    guard maximum > -.infinity else {
        for i in scores.indices { scores[i] = 0 }
        return
    }
    var sum = extra.map { exponential($0 - maximum) } ?? 0
    for i in scores.indices {
        scores[i] = exponential(scores[i] - maximum)
        sum += scores[i]
    }
    for i in scores.indices { scores[i] /= sum }
}

/// Lends uninitialised memory for `count` floats.
func withScratch(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let scratch = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
    defer { scratch.deallocate() }
    body(scratch)
}
