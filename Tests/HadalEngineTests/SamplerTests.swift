import Foundation
import HadalCore
@testable import HadalEngine
import TestSupport
import Testing

@Suite("Sampler")
struct SamplerTests {
    private func sample(
        _ logits: [Float], history: [Int32] = [], promptLength: Int = 0, count: Int = 4000, _ change: (inout SamplingOptions) -> Void
    ) throws -> [Int] {
        var options = SamplingOptions()
        options.temperature = 1
        options.topK = 0
        options.topP = 1
        options.seed = 11
        change(&options)
        let sampler = try Sampler(options: options, vocabulary: logits.count)
        var counts = Array(repeating: 0, count: logits.count)
        for _ in 0..<count {
            counts[Int(history.withUnsafeBufferPointer { sampler.sample(logits, history: $0, promptLength: promptLength) })] += 1
        }
        return counts
    }

    @Test("draws follow the softmax")
    func distribution() throws {
        let counts = try sample([0, 1, 2, -1]) { _ in }
        let total = [0.0, 1, 2, -1].map { exp($0) }.reduce(0, +)
        for (count, logit) in zip(counts, [0.0, 1, 2, -1]) {
            let expected = exp(logit) / total
            #expect(abs(Double(count) / 4000 - expected) < 0.03)
        }
    }

    @Test("temperature 0 takes the first of the largest")
    func greedy() throws {
        #expect(try sample([1, 5, 5, .nan], count: 10) { $0.temperature = 0 } == [0, 10, 0, 0])
    }

    @Test("what is not a number is never the largest")
    func largest() {
        func largest(_ values: [Float]) -> Int32 { indexOfLargest(values, values.count) }
        #expect(largest([.nan, -1, .nan, 3, 3, .nan]) == 3)
        #expect(largest([.nan, -.infinity]) == 1)
        #expect(largest([.nan, .nan]) == 0)
        #expect(largest([-.infinity, -.infinity]) == 0)
    }

    @Test("top-k, top-p and min-p keep what they say")
    func truncation() throws {
        let logits: [Float] = [3, 2.9, 2.8, 0, -1]
        #expect(try sample(logits) { $0.topK = 2 }[2...].allSatisfy { $0 == 0 })
        // p = .36 .33 .29 .018 .0066: 0.5 needs two.
        let topP = try sample(logits) { $0.topP = 0.5 }
        #expect(topP[0] > 0 && topP[1] > 0 && topP[2] == 0)
        let minP = try sample(logits) { $0.minP = 0.5 }
        #expect(minP[2] > 0 && minP[3] == 0)
    }

    @Test("penalties lower what was seen")
    func penalties() throws {
        let logits: [Float] = [2, 2]
        let plain = try sample(logits, history: [0, 0]) { _ in }
        #expect(abs(plain[0] - plain[1]) < 300)
        #expect(try sample(logits, history: [0, 0]) { $0.repetitionPenalty = 4 }[0] < 1000)
        #expect(try sample(logits, history: [0, 0]) { $0.presencePenalty = 3 }[0] < 400)
        #expect(try sample(logits, history: [0, 0]) { $0.frequencyPenalty = 1.5 }[0] < 400)
        let outside = try sample(logits, history: [0, 0]) {
            $0.presencePenalty = 3
            $0.penaltyWindow = 0
        }
        #expect(abs(outside[0] - outside[1]) < 300)
    }

    @Test("presence and frequency penalties count generated tokens, the repetition penalty all of them")
    func promptTokens() throws {
        let logits: [Float] = [5, 4]
        func best(_ history: [Int32], _ promptLength: Int, _ change: @escaping (inout SamplingOptions) -> Void) throws -> Int? {
            try sample(logits, history: history, promptLength: promptLength, count: 1) {
                $0.temperature = 0
                change(&$0)
            }.firstIndex(of: 1)
        }
        #expect(try best([0, 0], 2) { $0.presencePenalty = 2 } == 0)
        #expect(try best([0, 0], 2) { $0.frequencyPenalty = 2 } == 0)
        #expect(try best([0, 0], 1) { $0.presencePenalty = 2 } == 1)
        #expect(try best([0, 0], 1) { $0.frequencyPenalty = 0.9 } == 0)
        #expect(try best([0, 0], 0) { $0.frequencyPenalty = 0.9 } == 1)
        // The whole sequence, however long, unless a window says otherwise.
        let long = [Int32(0)] + [Int32](repeating: 7, count: 300)
        #expect(try best(long, 301) { $0.repetitionPenalty = 2 } == 1)
        #expect(try best(long, 301) { ($0.repetitionPenalty, $0.penaltyWindow) = (2, 300) } == 0)
        #expect(try best(long, 301) { ($0.repetitionPenalty, $0.penaltyWindow) = (2, 301) } == 1)
        #expect(try best(long, 301) { ($0.repetitionPenalty, $0.penaltyWindow) = (2, 0) } == 0)
    }

    @Test("counts that follow a growing sequence equal counts made at once", arguments: [nil, 0, 1, 3, 40])
    func countsFollow(_ window: Int?) throws {
        var options = SamplingOptions.greedy
        options.repetitionPenalty = 1.3
        options.presencePenalty = 0.5
        options.frequencyPenalty = 0.25
        options.penaltyWindow = window
        var random = SeededGenerator(seed: 4)
        let logits = (0..<12).map { _ in Float.random(in: -1...1, using: &random) }
        let following = try Sampler(options: options, vocabulary: 12)
        var history = (0..<5).map { _ in Int32.random(in: -1..<13, using: &random) }
        for step in 0..<60 {
            // Now and then a part is taken back.
            if step % 17 == 16 { history.removeLast(9) }
            let fresh = try Sampler(options: options, vocabulary: 12)
            let wanted = history.withUnsafeBufferPointer { fresh.sample(logits, history: $0, promptLength: 5) }
            #expect(history.withUnsafeBufferPointer { following.sample(logits, history: $0, promptLength: 5) } == wanted)
            history += step % 5 == 0 ? [wanted, Int32.random(in: 0..<12, using: &random)] : [wanted]
        }
    }

    @Test("suppressed tokens are never chosen", arguments: [0.0, 1.0])
    func suppressed(_ temperature: Double) throws {
        let logits: [Float] = [5, 4, 3, 2]
        func chosen(_ history: [Int32] = [], _ change: @escaping (inout SuppressedTokens) -> Void) throws -> [Bool] {
            try sample(logits, history: history, count: 2000) {
                $0.temperature = temperature
                change(&$0.suppressed)
            }.map { $0 > 0 }
        }
        #expect(try chosen { $0.always = [0, 1, 99, -1] }[..<2] == [false, false])
        #expect(try chosen { $0.atStart = [0] }[0] == false)
        #expect(try chosen([3]) { $0.atStart = [0] }[0])
        #expect(try chosen { $0.sequences = [[0]] }[0] == false)
        #expect(try chosen([3, 2]) { $0.sequences = [[3, 2, 0]] }[0] == false)
        #expect(try chosen([2, 2]) { $0.sequences = [[3, 2, 0], []] }[0])
        #expect(try chosen([2]) { $0.sequences = [[3, 2, 0]] }[0])
        // A single token is left.
        #expect(try chosen { $0.always = [0, 1, 3] } == [false, false, true, false])
    }

    @Test("settings out of range are named", arguments: ["temperature", "top-p", "min-p", "repetition"])
    func validation(_ what: String) throws {
        var options = SamplingOptions()
        switch what {
        case "temperature": options.temperature = -1
        case "top-p": options.topP = 0
        case "min-p": options.minP = 2
        default: options.repetitionPenalty = 0
        }
        expectError(.invalidArgument, what) { try options.validate() }
    }
}
