import Foundation
import HadalCore
@testable import HadalEngine
import TestSupport
import Testing

@Suite("Sampler")
struct SamplerTests {
    private func sample(_ logits: [Float], history: [Int32] = [], count: Int = 4000, _ change: (inout SamplingOptions) -> Void) throws -> [Int] {
        var options = SamplingOptions()
        options.temperature = 1
        options.topK = 0
        options.topP = 1
        options.seed = 11
        change(&options)
        let sampler = try Sampler(options: options, vocabulary: logits.count)
        var counts = Array(repeating: 0, count: logits.count)
        for _ in 0..<count { counts[Int(history.withUnsafeBufferPointer { sampler.sample(logits, history: $0) })] += 1 }
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

    @Test("settings out of range are named", arguments: ["temperature", "top-p", "min-p", "repetition"])
    func validation(_ what: String) throws {
        var options = SamplingOptions()
        switch what {
        case "temperature": options.temperature = -1
        case "top-p": options.topP = 0
        case "min-p": options.minP = 2
        default: options.repetitionPenalty = 0
        }
        #expect { try options.validate() } throws: { ($0 as? HadalError)?.message.contains(what) ?? false }
    }
}
