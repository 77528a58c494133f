import Dispatch
import HadalBackend
import HadalCore
import TestSupport
import Testing

@testable import HadalEngine

/// Many requests on a backend whose steps are not stable: docs/serving.md promises its tolerance.
@Suite("Scheduler on Vulkan", .serialized)
struct SchedulerVulkanTests {
    static let hasDevice = (try? Golden.options("vulkan").environment.registry().resolve("vulkan")) != nil
    /// What `GoldenTests` allow a logit, for the logit and for the normalisation of a log probability.
    private static let tolerance = 2 * 2e-3

    private static func engine(_ path: String, _ backend: String) throws -> Engine {
        var options = Golden.options(backend)
        options.contextLength = 320
        options.cacheTokens = 4096
        return try Engine(path: path, options: options)
    }

    /// Eight prompts of mixed lengths: shorter and longer than a block of the cache and than a chunk, two that begin alike, two equal ones.
    private static func requests(_ vocabulary: Int) -> [GenerationRequest] {
        var random = SeededGenerator(seed: 21)
        func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) } }
        let shared = ids(70)
        let prompts = [ids(3), ids(150), shared + ids(9), ids(1), shared + ids(20), ids(17), ids(33)]
        return (prompts + [prompts[1]]).enumerated().map { index, prompt in
            let options = GenerationOptions(sampling: .greedy, maxTokens: 6 + index % 3, ignoreEndOfText: true, logProbabilities: 3)
            return GenerationRequest(.tokens(prompt), options: options)
        }
    }

    @Test(
        "1, 2 and 8 requests at once get what the definition and they alone get, within the tolerance",
        .enabled(if: hasDevice, "needs a Vulkan device"), arguments: ["models/llama", "models/gemma3_text"])
    func together(_ model: String) async throws {
        let engine = try Self.engine(Fixtures.path(model), "vulkan")
        let reference = try Self.engine(Fixtures.path(model), "reference")
        let requests = Self.requests(engine.vocabularySize)
        var defined: [ScheduledOutcome] = []
        for request in requests { defined += try await ScheduledOutcome.all(Scheduler(reference).submit(request)) }
        var alone: [ScheduledOutcome] = []
        for request in requests { alone += try await ScheduledOutcome.all(Scheduler(engine).submit(request)) }
        for count in [1, 2, 8] {
            let scheduler = Scheduler(engine)
            // The engine's thread waits here, so that all are there at its first step.
            let gate = DispatchSemaphore(value: 0)
            engine.thread.submit { gate.wait() }
            let generations = try requests.prefix(count).flatMap { try scheduler.submit($0) }
            gate.signal()
            let together = try await ScheduledOutcome.all(generations)
            #expect(together.count == count)
            for (index, outcome) in together.enumerated() {
                let what = "\(model), request \(index) of \(count)"
                #expect(outcome.difference(from: alone[index]) <= Self.tolerance, "\(what), beside alone")
                #expect(outcome.difference(from: defined[index]) <= Self.tolerance, "\(what), beside the reference")
                #expect(outcome.reason == .length && outcome.tokens.count == requests[index].options.maxTokens, "\(what)")
            }
        }
        #expect(try await engine.hasAllPages(), "pages did not come back")
    }
}

extension ScheduledOutcome {
    /// Of two greedy answers to a prompt the largest difference of a log probability at a place.
    ///
    /// Where they go on with different tokens, what comes later is not compared: there the two most likely tokens must be as close to each
    /// other, and half their distance counts.
    func difference(from other: ScheduledOutcome) -> Double {
        guard tokens.count == other.tokens.count, logProbabilities.count == other.logProbabilities.count, !tokens.isEmpty else {
            return .infinity
        }
        let width = logProbabilities.count / tokens.count
        var largest = 0.0
        for place in tokens.indices {
            func values(_ outcome: ScheduledOutcome) -> [Double] {
                outcome.logProbabilities[place * width..<(place + 1) * width].map { Double(bitPattern: $0) }
            }
            let (mine, theirs) = (values(self), values(other))
            for (a, b) in zip(mine, theirs) { largest = max(largest, a.isFinite && b.isFinite ? abs(a - b) : .infinity) }
            // The chosen one, then the most likely ones.
            if tokens[place] != other.tokens[place] { return max(largest, abs(mine[1] - mine[2]) / 2) }
        }
        return largest
    }
}
