import HadalBackend
import Synchronization

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
