import HadalBackend
import HadalCore
import HadalGraph
import TestSupport
import Testing

@testable import HadalConformance

/// One case that something else computed: of `Tests/Fixtures/reference/ops.json`, which numpy did, or of an op's own `fixture.json`.
struct OpFixture: CustomTestStringConvertible, Sendable {
    struct Operand: Sendable {
        var name: String
        var isWeight: Bool
        var dtype: DType
        var dims: [Int]
        var data: [Double]
    }

    var label: String
    var op: String
    var operands: [Operand?]
    var attributes: [String: ExpressionValue]
    /// (first token, count) of each sequence.
    var sequences: [(first: Int, count: Int)]
    var planned: [Int]
    var outputs: [(dims: [Int], data: [Double])]
    var testDescription: String { "\(op): \(label)" }

    static let all: [OpFixture] = {
        let folders = (try? OpCatalogue.installed())?.contracts.values.map(\.folder).sorted() ?? []
        let files = [Fixtures.path("reference/ops.json")] + folders.map { "\($0)/fixture.json" }
        return files.flatMap { (try? JSONDocument(contentsOf: $0))?.root.array ?? [] }.map { OpFixture($0) }
    }()

    init(_ json: JSON) {
        func numbers(_ json: JSON?) -> [Double] { (json?.array ?? []).compactMap(\.double) }
        func integers(_ json: JSON?) -> [Int] { (json?.array ?? []).compactMap(\.int) }
        label = json["label"]?.string ?? ""
        op = json["op"]?.string ?? ""
        operands = (json["inputs"]?.array ?? []).map { input in
            guard !input.isNull else { return nil }
            return Operand(
                name: input["name"]?.string ?? "", isWeight: input["kind"]?.string == "weight",
                dtype: DType(name: input["dtype"]?.string ?? "") ?? .f32,
                dims: integers(input["dims"]), data: numbers(input["data"]))
        }
        attributes = [:]
        for member in json["attributes"]?.object?.members ?? [] { attributes[member.key] = ExpressionValue(member.value) }
        sequences = (json["sequences"]?.array ?? []).map { pair in (integers(pair).first ?? 0, integers(pair).last ?? 0) }
        planned = integers(json["planned"])
        outputs = (json["outputs"]?.array ?? []).map { (integers($0["dims"]), numbers($0["data"])) }
    }

    private static func operand(_ operand: Graph.Operand, _ graph: Graph) -> ShapeRule.Operand? {
        switch operand {
        case .none: nil
        case .value(let i): .init(kind: .value, dtype: graph.values[i].dtype, dims: graph.values[i].dims, name: graph.values[i].name)
        case .weight(let i):
            .init(
                kind: .weight, dtype: graph.weights[i].dtype, dims: graph.weights[i].dims.map { .fixed($0) }, name: graph.weights[i].name)
        }
    }

    /// New tokens.
    var tokens: Int { operands.compactMap { $0 }.first { !$0.isWeight }?.dims.first ?? 0 }

    /// The case as a trial: dims that count tokens (or picked rows) are symbols, caches are empty and NaN.
    ///
    /// - Parameters:
    ///   - range: only these tokens, for steps that take a sequence in parts.
    ///   - past: tokens of the one sequence already in `states`.
    ///   - pages: the page lists of the sequences, one after the other; nil: in order.
    func trial(
        _ catalogue: OpCatalogue, tokens range: Range<Int>? = nil, past: Int = 0, states: [[UInt8]]? = nil, pageTokens: Int = 4,
        pages: [[UInt32]]? = nil, stateDType: DType = .f32
    ) throws -> ConformanceTrial {
        let range = range ?? 0..<tokens
        var builder = GraphBuilder(name: label, catalogue: catalogue)
        var inputs: [[UInt8]] = []
        var storage: [HostBuffer] = []
        var weights: [Segment.WeightData] = []
        var rows = 1
        let graphOperands: [Graph.Operand] = try operands.enumerated().map { position, operand in
            guard let operand else { return .none }
            if operand.isWeight {
                let bytes = PlainElement.encode(operand.dtype, operand.data.map { Float($0) })
                let buffer = try HostBuffer(bytes: bytes.count)
                try bytes.withUnsafeBytes { try buffer.write(offset: 0, from: $0) }
                storage.append(buffer)
                weights.append(.init(bytes: UnsafeRawBufferPointer(start: buffer.pointer, count: bytes.count)))
                return .weight(builder.weight(.init(name: operand.name, dtype: operand.dtype, dims: operand.dims)))
            }
            let isPicked = ["gather_rows", "pool"].contains(op) && position == 1
            if isPicked { rows = operand.dims[0] }
            let width = operand.dims.dropFirst().reduce(1, *)
            let part = isPicked ? operand.data[...] : operand.data[range.lowerBound * width..<range.upperBound * width]
            inputs.append(
                operand.dtype == .i32 ? PlainElement.encode(part.map { Int32($0) }) : PlainElement.encode(.f32, part.map { Float($0) }))
            return .value(
                builder.input(
                    operand.name, dtype: operand.dtype, dims: [isPicked ? .rows : .tokens] + operand.dims.dropFirst().map { .fixed($0) }))
        }
        let complete = try catalogue.contract(for: op).completeAttributes(attributes)
        let contract = try catalogue.contract(for: op)
        // Optional ones at the end may be left out.
        let given = graphOperands + Array(repeating: .none, count: max(contract.inputs.count - graphOperands.count, 0))
        let shapes = try ShapeRule.apply(contract, operands: given.map { Self.operand($0, builder.graph) }, attributes: complete)
        let stateIndices = zip(contract.states, shapes.states).map { state, shape in
            builder.state(.init(name: state.name, heads: shape.heads, width: shape.width, rows: shape.rows))
        }
        let made = try builder.node(
            op, label: label, inputs: graphOperands, states: stateIndices, attributes: attributes,
            outputNames: outputs.indices.map { "y\($0)" })
        for value in made { builder.output(value) }
        var segment = Segment(
            withoutData: builder.graph, bounds: .init(tokens: max(range.count, 1) + 1, sequences: max(sequences.count, 1), rows: rows),
            stateDType: stateDType, pageTokens: pageTokens)
        segment.weights = weights

        let parts = sequences.count > 1 ? sequences : [(first: 0, count: range.count)]
        var lists: [UInt32] = []
        var stepSequences: [ConformanceTrial.StepSequence] = []
        for (index, part) in parts.enumerated() {
            let needed = (past + part.count + pageTokens - 1) / pageTokens
            let list = pages?[index] ?? (0..<needed).map { UInt32(lists.count + $0) }
            stepSequences.append(
                .init(
                    first: part.first, count: part.count, past: past,
                    plannedLength: index < planned.count ? planned[index] : past + part.count,
                    firstPage: lists.count, pageCount: list.count))
            lists += list
        }
        let pageCount = Int(lists.max() ?? 0) + 1
        for index in stepSequences.indices {
            (stepSequences[index].slotBefore, stepSequences[index].slotAfter) = (2 * index, 2 * index + 1)
        }
        let empty = builder.graph.states.map {
            PlainElement.poison(($0.isFixed ? 2 * parts.count : pageCount) * segment.pageBytes(of: $0))
        }
        return ConformanceTrial(
            point: .init(id: label, op: op, dims: [:], attributes: complete, dtypes: [:], present: [], step: []), segment: segment,
            inputs: inputs, states: states ?? empty, sequences: stepSequences, pages: lists, tokens: range.count, rows: rows,
            keeping: storage)
    }
}
