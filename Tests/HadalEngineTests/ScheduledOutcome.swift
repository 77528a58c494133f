import HadalArchitecture
import HadalBackend
import HadalCore
import Synchronization
import TestSupport
import Testing

@testable import HadalEngine

/// What a request got: its tokens, and with them what the model gave each place, bit for bit.
struct ScheduledOutcome: Equatable {
    var tokens: [Int32] = []
    var logProbabilities: [UInt64] = []
    var reason: GenerationSummary.Reason?

    init(_ generation: ScheduledGeneration) async throws {
        for try await event in generation {
            switch event {
            case .token(let token): tokens.append(token)
            case .logProbabilities(let chosen, let mostLikely):
                logProbabilities += ([chosen] + mostLikely).map(\.logProbability.bitPattern)
            case .finished(let summary): reason = summary.reason
            default: break
            }
        }
    }

    /// All at once.
    static func all(_ generations: [ScheduledGeneration]) async throws -> [ScheduledOutcome] {
        try await withThrowingTaskGroup(of: (Int, ScheduledOutcome).self) { group in
            for (index, generation) in generations.enumerated() { group.addTask { (index, try await ScheduledOutcome(generation)) } }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// Requests of mixed lengths, greedy and seeded, some with several answers.
    private static func requests(_ vocabulary: Int, context: Int, seed: UInt64) -> [GenerationRequest] {
        var random = SeededGenerator(seed: seed)
        return [(3, 1), (140, 1), (17, 2), (150, 1), (9, 1), (128, 2)].enumerated().map { index, shape in
            let ids = (0..<min(shape.0, context - 20)).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) }
            var options = GenerationOptions(maxTokens: 6 + index, ignoreEndOfText: true, logProbabilities: 3)
            options.sampling = index % 2 == 0 ? .greedy : SamplingOptions(temperature: 1.5, topK: 0, topP: 1, seed: UInt64(40 + index))
            return GenerationRequest(.tokens(ids), options: options, choices: shape.1)
        }
    }

    /// What requests get together is what each of them gets alone, bit for bit.
    ///
    /// - Parameter reference: where they run alone; nil: on the same engine.
    static func check(_ engine: Engine, _ what: String, against reference: Engine? = nil) async throws {
        // Some families have a table of positions, beyond which there is nothing.
        let context = min(engine.contextLength, engine.plan.description.graph.contextLength)
        let requests = requests(engine.vocabularySize, context: context, seed: 8)
        var alone: [ScheduledOutcome] = []
        for request in requests { alone += try await all(Scheduler(reference ?? engine).submit(request)) }
        for count in [1, 2, requests.count] {
            let scheduler = Scheduler(engine)
            let together = try await all(requests.prefix(count).flatMap { try scheduler.submit($0) })
            #expect(together == Array(alone.prefix(together.count)), "\(what), \(count) requests")
        }
        #expect(try await engine.hasAllPages(), "\(what): pages did not come back")
    }
}

extension Engine {
    /// Whether no session holds pages any more, soon after the last answer ended.
    func hasAllPages() async throws -> Bool {
        for _ in 0..<500 {
            if state.withLock({ $0.availablePages }) == program.pageCount { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}
