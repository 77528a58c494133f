import HadalBackend
import HadalCore
import HadalFormats
import HadalGraph

/// Makes a trial from a case: builds the one-node graph and draws every operand.
struct TrialBuilder {
    let catalogue: OpCatalogue
    let contract: OpContract
    let point: ConformancePoint
    /// Element type of caches.
    let stateDType: DType
    let pageTokens: Int
    /// Whether a step may have more than one sequence.
    let manySequences: Bool
    /// Whether float8 weights come with block scales.
    let blockScales: Bool
    /// Large weights repeat themselves, and caches hold few different numbers: for timing, where drawing them would take longer.
    var repeatsData = false
    /// So many bytes of a weight, rounded up to whole blocks, are drawn before it repeats itself.
    private static let repeatedBytes = 1 << 18

    /// Whether the contract accepts the case: shapes, `require`, whole blocks.
    static func isLegal(_ point: ConformancePoint, _ contract: OpContract, _ catalogue: OpCatalogue) -> Bool {
        do { return try checkLegal(point, contract, catalogue) == nil } catch { return false }
    }

    /// Why the contract does not accept the case; nil when it does.
    ///
    /// - Throws: what its shapes or conditions throw.
    static func checkLegal(_ point: ConformancePoint, _ contract: OpContract, _ catalogue: OpCatalogue) throws -> String? {
        var random = SplitMix64(seed: 0)
        let builder = TrialBuilder(
            catalogue: catalogue, contract: contract, point: point, stateDType: .f32, pageTokens: 64, manySequences: true, blockScales: true
        )
        let broken = try builder.graph(&random).weights.first { ($0.dims.last ?? 1) % $0.dtype.blockElements != 0 }
        return broken.map { "rows of '\($0.name)' are not whole blocks of \($0.dtype.name)" }
    }

    /// New tokens of the step.
    var tokens: Int { point.step.isEmpty ? point.dims[tokenName ?? ""] ?? 1 : point.step.reduce(0) { $0 + $1.new } }

    /// The names that vary from step to step: those that lead the dims of values and no weight has. The first counts tokens.
    private var symbols: [(name: String, dim: Dim)] {
        let fixed = Set(contract.inputs.filter { $0.kind == .weight }.flatMap { $0.dims.flatMap(\.names) })
        var names: [String] = []
        for input in contract.inputs where input.kind == .value {
            guard let name = input.dims.first?.bareName, !fixed.contains(name), !names.contains(name), point.attributes[name] == nil,
                // A lone dim of a matrix's width is fixed.
                !contract.inputs.contains(where: { $0.dims.count > 1 && $0.dims.last?.bareName == name })
            else { continue }
            names.append(name)
        }
        return zip(names, [Dim.tokens, Dim.rows]).map { ($0, $1) }
    }

    /// What the contract calls the number of new tokens.
    var tokenName: String? { symbols.first?.name }

    private func evaluate(_ expression: Expression, _ more: [String: Int] = [:]) throws -> Int {
        let value = try expression.evaluate { name in
            if let n = more[name] { return .int(n) }
            if let attribute = point.attributes[name] { return attribute.expressionValue }
            return point.dims[name].map { .int($0) }
        }
        guard let n = value.int else { throw HadalError(.mismatch, "\(expression.text) is \(value), not an integer") }
        return n
    }

    private func dims(_ input: OpContract.Input, widened: Int = 0) throws -> [Dim] {
        try input.dims.enumerated().map { index, expression in
            if let name = expression.bareName, let symbol = symbols.first(where: { $0.name == name }) { return symbol.dim }
            return .fixed(try evaluate(expression) + (index == input.dims.count - 1 ? widened : 0))
        }
    }

    private func dtype(_ input: OpContract.Input) -> DType { point.dtypes[input.name] ?? input.dtypes.first ?? .f32 }

    private func graph(_ random: inout SplitMix64) throws -> Graph {
        var builder = GraphBuilder(name: point.id, catalogue: catalogue)
        var operands: [Graph.Operand] = []
        for input in contract.inputs {
            if input.optional, !point.present.contains(input.name) {
                operands.append(.none)
                continue
            }
            // A variadic input is drawn with several widths.
            for part in 0..<(input.variadic ? 1 + random.below(4) : 1) {
                let name = input.variadic ? "\(input.name).\(part)" : input.name
                let dims = try dims(input, widened: part)
                if input.kind == .value {
                    operands.append(.value(builder.input(name, dtype: dtype(input), dims: dims)))
                } else {
                    let fixed = dims.map { dim in if case .fixed(let n) = dim { n } else { 0 } }
                    operands.append(.weight(builder.weight(.init(name: name, dtype: dtype(input), dims: fixed))))
                }
            }
        }
        let states = try contract.states.map { state in
            builder.state(
                .init(
                    name: state.name, heads: try evaluate(state.heads), width: try evaluate(state.width),
                    rows: try state.rows.map { try evaluate($0) }))
        }
        var names: [String] = []
        for output in contract.outputs {
            let count =
                try output.count.map { expression -> Int in
                    let value = try expression.evaluate { point.attributes[$0]?.expressionValue }
                    return value.int ?? 1
                } ?? 1
            names += count == 1 && output.count == nil ? [output.name] : (0..<count).map { "\(output.name).\($0)" }
        }
        let outputs = try builder.node(
            point.op, label: point.id, inputs: operands, states: states, attributes: point.attributes.mapValues(\.expressionValue),
            outputNames: names)
        for output in outputs { builder.output(output) }
        return builder.graph
    }

    /// The node with types and shapes alone, for asking whether a device runs it.
    func bareSegment() throws -> Segment {
        var random = SplitMix64(seed: 0)
        let graph = try graph(&random)
        let scales = graph.weights.map { weight -> Segment.BlockScales? in
            guard weight.dtype == .f8_e4m3, blockScales else { return nil }
            let extents = Self.scaleExtents(weight)
            return .init(rows: extents.rows, columns: extents.columns, block: (Self.scaleBlock, Self.scaleBlock))
        }
        return Segment(
            withoutData: graph, scales: scales, bounds: .init(tokens: max(tokens, 1), sequences: 1, rows: max(tokens, 1)),
            stateDType: stateDType,
            pageTokens: pageTokens)
    }

    private static let scaleBlock = 128

    private static func scaleExtents(_ weight: Graph.Weight) -> (rows: Int, columns: Int) {
        let columns = weight.dims.last ?? 1
        let rows = weight.dims.count > 1 ? weight.dims[weight.dims.count - 2] : 1
        let matrices = weight.elements / max(rows * columns, 1)
        return (matrices * ((rows + scaleBlock - 1) / scaleBlock), (columns + scaleBlock - 1) / scaleBlock)
    }

    /// Draws the trial. The same generator state gives the same trial.
    func build(_ random: inout SplitMix64) throws -> ConformanceTrial {
        let graph = try graph(&random)
        let rows = symbols.count > 1 ? point.dims[symbols[1].name] ?? 1 : min(tokens, 1)
        let (sequences, pages, poolPages) = steps(&random)
        // Room to spare: a step may be smaller than what was compiled for.
        let bounds = Segment.Bounds(
            tokens: tokens + random.below(4), sequences: manySequences ? sequences.count + random.below(2) : 1,
            rows: max(rows, 1) + random.below(3))
        var segment = Segment(withoutData: graph, bounds: bounds, stateDType: stateDType, pageTokens: pageTokens)
        var storage: [HostBuffer] = []
        for (index, weight) in graph.weights.enumerated() {
            let input = contract.inputs.first { $0.name == weight.name }
            segment.weights[index] = try self.weight(weight, input, &storage, &random)
        }
        var trial = ConformanceTrial(
            point: point, segment: segment, inputs: [], states: [], sequences: sequences, pages: pages, tokens: tokens, rows: rows,
            keeping: storage)
        trial.guardedWeights = storage
        trial.fillWeightGuards(.first)
        // Large values find overflow in elementwise functions; sums of products would only lose precision to them.
        let outliers = contract.states.isEmpty && !contract.inputs.contains { $0.kind == .weight }
        for index in graph.inputs {
            let value = graph.values[index]
            let input = contract.inputs.first { $0.name == value.name } ?? contract.inputs[contract.inputs.count - 1]
            let shape = value.dims.map { trial.extent($0) }
            if value.dtype == .i32 {
                trial.inputs.append(PlainElement.encode(try integers(input, shape, trial, &random)))
            } else {
                let count = shape.reduce(1, *)
                let drawn = repeatsData ? min(count, Self.repeatedBytes / 4) : count
                // Neighbouring rows of activations for quantised weights differ in size: a kernel that scales each row has to keep them apart.
                let width = max(shape.dropFirst().reduce(1, *), 1)
                let isRow = zip(graph.states, contract.states).contains { $0.width == width && $1.multipleOf != nil }
                let range = try input.below.map { (Float(try input.minimum.map { try evaluate($0) } ?? 0), Float(try evaluate($0))) }
                let alternates =
                    contract.tolerance.quantised > 0 && index == graph.inputs.first && shape.count > 1 && input.multipleOf == nil
                var bytes = PlainElement.encode(
                    value.dtype,
                    (0..<drawn).map { i in
                        if let (low, high) = range { return low + (high - low) * random.unit() }
                        let x =
                            stateDType.isQuantised
                            ? Self.quantisable(&random, input.multipleOf, isFull: isRow && i % width % stateDType.blockElements == 0)
                            : Self.rounded(random.normal(), input.multipleOf)
                        if alternates { return i / width % 2 == 0 ? x : 2 * x }
                        return outliers && random.below(48) == 0 ? x * 40 : x
                    })
                bytes.reserveCapacity(trial.bytes(of: value))
                while bytes.count < trial.bytes(of: value) { bytes += bytes.prefix(trial.bytes(of: value) - bytes.count) }
                trial.inputs.append(bytes)
            }
        }
        for (state, declared) in zip(graph.states, contract.states) {
            trial.states.append(
                state.isFixed
                    ? slots(of: state, trial, &random) : cache(state, trial, poolPages, multipleOf: declared.multipleOf, &random))
        }
        return trial
    }

    private static func rounded(_ x: Float, _ unit: Double?) -> Float {
        guard let unit, unit > 0 else { return x }
        return Float((Double(x) / unit).rounded() * unit)
    }

    /// A number that every way of rounding makes the same level of: its distance to the next is never near half a level, whatever else its
    /// block holds. Multiples of a unit stay what they are in a block that holds 127 units.
    ///
    /// - Parameter isFull: whether it is to be those 127 units.
    private static func quantisable(_ random: inout SplitMix64, _ unit: Double?, isFull: Bool) -> Float {
        if let unit { return isFull ? Float(127 * unit) : rounded(random.normal(), unit) }
        let magnitude: Float = [1.5, 1.125, 0.6, 0.15][random.below(4)]
        return random.below(2) == 0 ? magnitude : -magnitude
    }

    private func steps(_ random: inout SplitMix64) -> ([ConformanceTrial.StepSequence], [UInt32], Int) {
        var sequences: [ConformanceTrial.StepSequence] = []
        if point.step.isEmpty {
            // Ops without caches may still ask how long a sequence is planned to be.
            let cut = manySequences && tokens > 1 ? 1 + random.below(tokens - 1) : tokens
            for (first, count) in [(0, cut), (cut, tokens - cut)] where count > 0 {
                sequences.append(.init(first: first, count: count, past: 0, plannedLength: max(count, 1 + random.below(128))))
            }
            return (sequences, [], 0)
        }
        var needed: [Int] = []
        var first = 0
        for (past, new) in point.step {
            needed.append((past + new + pageTokens - 1) / pageTokens + random.below(2))
            sequences.append(.init(first: first, count: new, past: past, plannedLength: past + new))
            first += new
        }
        let poolPages = needed.reduce(0, +) + 1 + random.below(3)
        let shuffled = random.shuffled((0..<poolPages).map { UInt32($0) })
        var pages: [UInt32] = []
        // Neither in order nor without gaps.
        let slots = random.shuffled(Array(0..<2 * sequences.count + 1))
        for i in sequences.indices {
            (sequences[i].slotBefore, sequences[i].slotAfter) = (slots[2 * i], slots[2 * i + 1])
            sequences[i].firstPage = pages.count
            sequences[i].pageCount = needed[i]
            pages += shuffled[pages.count..<pages.count + needed[i]]
        }
        return (sequences, pages, poolPages)
    }

    private func weight(
        _ weight: Graph.Weight, _ input: OpContract.Input?, _ storage: inout [HostBuffer], _ random: inout SplitMix64
    ) throws -> Segment.WeightData {
        let columns = weight.dims.last ?? 1
        let deviation: Float = weight.dims.count > 1 ? 1 / Float(columns).squareRoot() : 1
        var bytes: [UInt8]
        var repeated = weight.elements
        if repeatsData, weight.bytes > Self.repeatedBytes {
            let blocks = Self.repeatedBytes / weight.dtype.blockBytes + 1
            repeated = min(repeated, blocks * weight.dtype.blockElements)
        }
        if let input, let below = input.below {
            let (low, high) = (Float(try input.minimum.map { try evaluate($0) } ?? 0), Float(try evaluate(below)))
            bytes = PlainElement.encode(weight.dtype, (0..<weight.elements).map { _ in low + (high - low) * random.unit() })
        } else if let drawn = RandomWeight.bytes(weight.dtype, elements: repeated, deviation: deviation, &random) {
            bytes = drawn
            let size = weight.bytes
            if bytes.count < size {
                bytes.reserveCapacity(size)
                while bytes.count < size { bytes += bytes.prefix(size - bytes.count) }
            }
        } else {
            throw HadalError(.unsupported, "the kit cannot draw \(weight.dtype.name) weights")
        }
        let pointer = try bytes.withUnsafeBytes { try Self.guarded($0, &storage) }
        var data = Segment.WeightData(bytes: UnsafeRawBufferPointer(start: pointer, count: bytes.count))
        if weight.dtype == .f8_e4m3, blockScales {
            let block = Self.scaleBlock
            let (scaleRows, scaleColumns) = Self.scaleExtents(weight)
            let values = (0..<scaleRows * scaleColumns).map { _ in deviation / 100 * (0.5 + random.unit()) }
            let scales = try values.withUnsafeBytes { try Self.guarded($0, &storage) }
            data.scales = .init(
                values: UnsafePointer(scales.assumingMemoryBound(to: Float.self)), rows: scaleRows, columns: scaleColumns,
                block: (block, block))
        }
        return data
    }

    /// A copy of bytes between guard bytes; `storage` keeps it.
    private static func guarded(_ bytes: UnsafeRawBufferPointer, _ storage: inout [HostBuffer]) throws -> UnsafeMutableRawPointer {
        let buffer = try HostBuffer(bytes: bytes.count + 2 * GuardedMemory.guardBytes)
        let pointer = buffer.pointer + GuardedMemory.guardBytes
        if let base = bytes.baseAddress { pointer.copyMemory(from: base, byteCount: bytes.count) }
        storage.append(buffer)
        return pointer
    }

    /// Integers in the contract's range; those of one row differ from each other as far as the range allows, then repeat its minimum.
    private func integers(
        _ input: OpContract.Input, _ shape: [Int], _ trial: ConformanceTrial, _ random: inout SplitMix64
    ) throws -> [Int32] {
        guard let below = input.below else {
            throw HadalError(
                .unsupported, "the contract of '\(contract.name)' does not say which integers '\(input.name)' may hold ('below')")
        }
        let (rows, width) = shape.count > 1 ? (shape[0], shape[1...].reduce(1, *)) : (1, shape.first ?? 1)
        var values: [Int32] = []
        for row in 0..<rows {
            var more: [String: Int] = [:]
            if let name = tokenName { more[name] = tokens }
            if symbols.count > 1 { more[symbols[1].name] = trial.rows }
            if let sequence = trial.sequences.first(where: { row >= $0.first && row < $0.first + $0.count }) {
                more["seen"] = sequence.past + row - sequence.first + 1
            }
            let (low, high) = (try input.minimum.map { try evaluate($0, more) } ?? 0, try evaluate(below, more))
            guard low < high else { throw HadalError(.mismatch, "'\(input.name)' would be at least \(low) and below \(high)") }
            if shape.count == 1 {
                values += (0..<width).map { _ in Int32(clamping: low + random.below(high - low)) }
            } else {
                // Negative numbers mean "none"; they fill up what is left.
                let range = random.shuffled(Array(max(low, 0)..<high))
                values += (0..<width).map { $0 < range.count ? Int32(clamping: range[$0]) : Int32(clamping: low) }
            }
        }
        return values
    }

    /// A cache in which exactly the tokens before the step hold numbers. All else is NaN: whoever reads it will show it.
    private func cache(
        _ state: Graph.State, _ trial: ConformanceTrial, _ poolPages: Int, multipleOf: Double?, _ random: inout SplitMix64
    ) -> [UInt8] {
        let size = trial.segment.rowBytes(of: state)
        var bytes = PlainElement.poison(poolPages * trial.segment.pageBytes(of: state))
        let few = repeatsData ? (0..<8).map { _ in row(of: state, multipleOf: multipleOf, &random) } : []
        for sequence in trial.sequences {
            for position in 0..<sequence.past {
                let page = Int(trial.pages[sequence.firstPage + position / pageTokens])
                for head in 0..<state.heads {
                    let row = repeatsData ? few[(position + head) % few.count] : row(of: state, multipleOf: multipleOf, &random)
                    let offset = ((page * state.heads + head) * pageTokens + position % pageTokens) * size
                    bytes.replaceSubrange(offset..<offset + row.count, with: row)
                }
            }
        }
        return bytes
    }

    /// Slots of which exactly those hold numbers that a sequence with a past has its state in.
    private func slots(of state: Graph.State, _ trial: ConformanceTrial, _ random: inout SplitMix64) -> [UInt8] {
        let size = trial.segment.pageBytes(of: state)
        var bytes = PlainElement.poison((2 * trial.sequences.count + 1) * size)
        for sequence in trial.sequences where sequence.past > 0 {
            let numbers = (0..<state.fixedElements).map { _ in random.normal() }
            bytes.replaceSubrange(sequence.slotBefore * size..<(sequence.slotBefore + 1) * size, with: PlainElement.encode(.f32, numbers))
        }
        return bytes
    }

    /// A row of a state, as it lies in memory.
    private func row(of state: Graph.State, multipleOf: Double?, _ random: inout SplitMix64) -> [UInt8] {
        let values = (0..<state.width).map { column in
            stateDType.isQuantised && multipleOf != nil
                ? Self.quantisable(&random, multipleOf, isFull: column % stateDType.blockElements == 0)
                : Self.rounded(random.normal(), multipleOf)
        }
        guard let layout = StateRow(stateDType, width: state.width) else { return [] }
        var bytes = [UInt8](repeating: 0, count: layout.bytes)
        bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { layout.encode(values, into: base) } }
        return bytes
    }
}
