import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph
import Testing

@testable import HadalReference

@Suite("Reference ops")
struct OpTests {
    private let catalogue: OpCatalogue
    private let device: any Device

    init() throws {
        catalogue = try OpCatalogue.load()
        device = try ReferenceBackend().open(device: 0, options: ["threads": .int(2)], log: .silent)
    }

    @Test("Equals numpy", arguments: OpFixture.all)
    func equalsNumpy(_ fixture: OpFixture) throws {
        let trial = try fixture.trial(catalogue)
        let outcome = try trial.run(on: device)
        #expect(outcome.overwritten.isEmpty)
        for (got, expected) in zip(trial.numbers(outcome), fixture.outputs) {
            #expect(got.count == expected.data.count)
            for (a, b) in zip(got, expected.data) {
                // One rounding to float32, and a little for what cancels in sums.
                #expect(abs(a - b) <= 1.3e-7 * abs(b) + 2e-8, "\(a) is not \(b)")
            }
        }
    }

    @Test("Every op that no expression defines has a case")
    func complete() {
        let cases = Set(OpFixture.all.map(\.op)), ops = Set(catalogue.contracts.keys)
        let isImplemented = ops.filter { if case .expressions? = catalogue.contracts[$0]?.reference { false } else { true } }
        #expect(
            cases.isSuperset(of: isImplemented),
            "add cases of \(isImplemented.subtracting(cases).sorted()) in kernels/ops/<op>/fixture.json: docs/kernels.md#a-new-stock-op")
        #expect(cases.isSubset(of: ops))
        #expect(isImplemented.count < ops.count)
    }

    @Test("Every type of Plugins/Reference/Ops defines an op of the catalogue, which no other type and no expression defines")
    func types() {
        var defined: Set<String> = []
        for type in OperatorTable.all {
            let reference = catalogue.contracts[type.op].map { $0.reference == nil }
            #expect(reference == true, "\(type) is for the op '\(type.op)'")
            #expect(defined.insert(type.op).inserted, "\(type): another type is for the op '\(type.op)'")
        }
    }

    private func fixture(_ op: String, _ label: String) throws -> OpFixture {
        try #require(OpFixture.all.first { $0.op == op && $0.label == label })
    }

    private static let stateful = [
        ("attention", "grouped queries"), ("attention", "window of 3"), ("attention", "sinks"), ("latent_attention", "all tokens"),
        ("latent_attention", "selected tokens"), ("indexer", "best two"),
    ]

    @Test("Any order of pages gives the same bits", arguments: stateful)
    func pages(_ op: String, _ label: String) throws {
        let fixture = try fixture(op, label)
        let plain = try fixture.trial(catalogue, pageTokens: 2).run(on: device)
        for pages: [UInt32] in [[4, 3, 2, 1, 0], [7, 0, 9, 2, 5, 1]] {
            #expect(try fixture.trial(catalogue, pageTokens: 2, pages: [pages]).run(on: device).outputs == plain.outputs)
        }
        #expect(try fixture.trial(catalogue, pageTokens: 64).run(on: device).outputs == plain.outputs)
    }

    @Test("A sequence in parts gives the same bits as in one go", arguments: stateful, [[1, 1, 1, 1, 1, 1], [2, 3, 1], [5, 1], [1, 5]])
    func parts(_ which: (String, String), _ sizes: [Int]) throws {
        let fixture = try fixture(which.0, which.1)
        let pages: [[UInt32]] = [[2, 0, 1]]
        let whole = try fixture.trial(catalogue, tokens: 0..<6, pages: pages).run(on: device)
        var states = try fixture.trial(catalogue, tokens: 0..<6, pages: pages).states
        var outputs: [UInt8] = []
        var past = 0
        for size in sizes {
            let outcome = try fixture.trial(catalogue, tokens: past..<past + size, past: past, states: states, pages: pages).run(on: device)
            states = outcome.states
            outputs += outcome.outputs[0]
            past += size
        }
        #expect(outputs == whole.outputs[0])
        #expect(states == whole.states)
    }

    @Test("A 16-bit cache holds what was rounded to it", arguments: [DType.f16, .bf16])
    func halfCache(_ dtype: DType) throws {
        let fixture = try fixture("attention", "grouped queries")
        var rounded = fixture
        for i in [1, 2] {
            rounded.operands[i]?.data = (fixture.operands[i]?.data ?? []).map {
                dtype == .f16
                    ? Double(Float16($0))
                    : Double(Float(bitPattern: (Float($0).bitPattern &+ 0x7FFF &+ (Float($0).bitPattern >> 16 & 1)) & 0xFFFF_0000))
            }
        }
        let got = try fixture.trial(catalogue, stateDType: dtype).run(on: device)
        #expect(try rounded.trial(catalogue).run(on: device).outputs == got.outputs)
        #expect(try fixture.trial(catalogue).run(on: device).outputs != got.outputs)
    }

    @Test("A cache in blocks holds what each head's row was rounded to, its last block padded")
    func blockCache() throws {
        let fixture = try fixture("attention", "grouped queries")
        let heads = 2
        /// As a file's blocks are: a float16 scale, the largest magnitude being 127 times that.
        func rounded(_ row: ArraySlice<Double>) -> [Double] {
            stride(from: row.startIndex, to: row.endIndex, by: 32).flatMap { first -> [Double] in
                let block = row[first..<min(first + 32, row.endIndex)].map { Float($0) }
                let scale = (block.map(abs).max() ?? 0) / 127
                return block.map { scale == 0 ? 0 : Double(($0 * (1 / scale)).rounded()) * Double(Float16(scale)) }
            }
        }
        var kept = fixture
        for i in [1, 2] {
            let operand = try #require(fixture.operands[i]), width = operand.dims[1] / heads
            #expect(operand.dims[1] % heads == 0)
            kept.operands[i]?.data = stride(from: 0, to: operand.data.count, by: width).flatMap { rounded(operand.data[$0..<$0 + width]) }
        }
        let got = try fixture.trial(catalogue, stateDType: .q8_0).run(on: device)
        #expect(try kept.trial(catalogue).run(on: device).outputs == got.outputs)
        #expect(try fixture.trial(catalogue).run(on: device).outputs != got.outputs)
    }

    @Test("Any number of threads gives the same bits")
    func threads() throws {
        var fixture = try fixture("linear", "with bias")
        // Large enough to be shared.
        let (n, k, m) = (16, 200, 300)
        func ramp(_ count: Int) -> [Double] {
            (0..<count).map { Double(Float((Double($0) * 0.7391).truncatingRemainder(dividingBy: 2) - 1)) }
        }
        fixture.operands[0]?.dims = [n, k]
        fixture.operands[0]?.data = ramp(n * k)
        fixture.operands[1]?.dims = [m, k]
        fixture.operands[1]?.data = ramp(m * k)
        fixture.operands[2]?.dims = [m]
        fixture.operands[2]?.data = ramp(m)
        let results = try [1, 2, 3, 8].map { threads in
            let device = try ReferenceBackend().open(device: 0, options: ["threads": .int(Int64(threads))], log: .silent)
            let first = try fixture.trial(catalogue).run(on: device).outputs
            device.quiesce()
            #expect(try fixture.trial(catalogue).run(on: device).outputs == first)
            return first
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }
}
