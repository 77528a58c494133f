#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Rotates pairs of `rotary` dimensions of each head by position * inv_freq; the other dimensions pass through.
struct Rope: Operator {
    static let op = "rope"
    private enum Layout: String { case half, adjacent }

    private let frequencies: WeightMatrix
    private let heads: Int
    private let headWidth: Int
    private let rotary: Int
    private let offset: Int
    private let layout: Layout
    private let scale: Double
    private let switchLength: Int

    init(_ node: NodeView) throws {
        heads = try node.int("heads")
        rotary = try node.int("rotary")
        offset = try node.int("offset")
        layout = try node.choice("layout", Layout.self)
        scale = try node.float("scale")
        switchLength = try node.int("switch_length")
        frequencies = try node.matrix(2)
        let width = try node.width(0)
        try node.require(heads > 0 && width % heads == 0, "\(heads) heads in a row of \(width)")
        headWidth = width / heads
        try node.require(
            rotary >= 2 && rotary % 2 == 0 && offset >= 0 && offset <= headWidth && rotary <= headWidth - offset,
            "\(rotary) rotated dimensions from \(offset) on in heads of \(headWidth)")
        try node.require(
            frequencies.columns == rotary / 2 && frequencies.rows >= (switchLength > 0 ? 2 : 1),
            "frequencies are \(frequencies.rows) x \(frequencies.columns)")
        try node.requireSameShape()
        try node.requireSameRows([0, 1])
    }

    func run(_ call: OperatorCall) throws {
        let (x, positions, y) = (try call.rows(0), try call.integers(1), try call.output())
        let variants = (0..<(switchLength > 0 ? 2 : 1)).map { frequencies.vector(row: $0) }
        for n in 0..<x.count {
            var variant = 0
            if switchLength > 0, try call.step.sequence(ofToken: n).plannedLength > switchLength { variant = 1 }
            y[n].update(from: x[n], count: x.width)
            for k in 0..<rotary / 2 {
                let angle = Double(positions.base[n]) * Double(variants[variant][k])
                let (cosine, sine) = (cos(angle) * scale, sin(angle) * scale)
                let (first, second) = layout == .half ? (k, k + rotary / 2) : (2 * k, 2 * k + 1)
                for head in 0..<heads {
                    let start = head * headWidth + offset
                    let (a, b) = (Double(x[n][start + first]), Double(x[n][start + second]))
                    y[n][start + first] = Float(a * cosine - b * sine)
                    y[n][start + second] = Float(b * cosine + a * sine)
                }
            }
        }
    }
}
