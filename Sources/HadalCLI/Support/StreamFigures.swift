import Dispatch
import Foundation
import Hadal
import HadalCore
import HadalServing
import Synchronization

/// Requests through a scheduler, and how long each waited for its tokens.
struct StreamFigures {
    struct Load {
        /// Requests at once; with arrivals, requests in all for each repetition.
        var streams: Int
        /// Requests a second, at random moments; nil: each stream sends its next request when it has the answer to the last.
        var arrivals: Double?
        var promptTokens: Int
        /// Tokens that all prompts begin with, before their own.
        var sharedPrefix: Int
        var tokens: Int
        /// Requests of each stream.
        var repetitions: Int
    }

    private(set) var generatedTokens = 0
    private(set) var seconds = 0.0
    private(set) var firstTokenSeconds: [Double] = []
    private(set) var betweenSeconds: [Double] = []
    /// Tokens of prompts that were computed, of those that there were.
    private(set) var computedTokens = 0
    private(set) var promptTokens = 0

    /// Of the prompts, the part that was found in the cache.
    private var hits: Double { promptTokens > 0 ? 1 - Double(computedTokens) / Double(promptTokens) : 0 }

    var rate: Double { seconds > 0 ? Double(generatedTokens) / seconds : 0 }

    /// Blocks the calling thread.
    init(_ engine: Engine, _ load: Load) throws {
        let scheduler = Scheduler(engine, options: Scheduler.Options(queueLimit: max(load.streams * load.repetitions, 1)))
        var random = SystemRandomNumberGenerator()
        let upper = Int32(engine.vocabularySize)
        func ids(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32.random(in: 0..<upper, using: &random) } }
        let options = GenerationOptions(sampling: .greedy, maxTokens: load.tokens, ignoreEndOfText: true)
        let prefix = ids(load.sharedPrefix)
        func request() -> GenerationRequest { GenerationRequest(.tokens(prefix + ids(load.promptTokens)), options: options) }
        // The first steps bring the weights into memory.
        try Waiting.run { [request = request()] in
            for try await _ in try scheduler.submit(request)[0] {}
        }
        let requests = (0..<load.streams).map { _ in (0..<load.repetitions).map { _ in request() } }
        let before = scheduler.status.prefillTokens
        let notes = Notes(), start = ContinuousClock.now
        try Waiting.run {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if let arrivals = load.arrivals {
                    for request in requests.joined() {
                        group.addTask { try await Self.follow(request, scheduler, notes) }
                        let pause = -log(Double.random(in: Double.leastNonzeroMagnitude...1)) / arrivals
                        try await Task.sleep(for: .seconds(pause))
                    }
                } else {
                    for stream in requests {
                        group.addTask { for request in stream { try await Self.follow(request, scheduler, notes) } }
                    }
                }
                try await group.waitForAll()
            }
        }
        seconds = (ContinuousClock.now - start).seconds
        computedTokens = scheduler.status.prefillTokens - before
        promptTokens = requests.joined().count * (load.sharedPrefix + load.promptTokens)
        (firstTokenSeconds, betweenSeconds) = notes.figures
        generatedTokens = firstTokenSeconds.count + betweenSeconds.count
    }

    /// What the streams note, from any thread.
    private final class Notes: Sendable {
        private let lists = Mutex<([Double], [Double])>(([], []))
        var figures: ([Double], [Double]) { lists.withLock { $0 } }
        func add(_ seconds: Double, isFirst: Bool) {
            lists.withLock { if isFirst { $0.0.append(seconds) } else { $0.1.append(seconds) } }
        }
    }

    private static func follow(_ request: GenerationRequest, _ scheduler: Scheduler, _ notes: Notes) async throws {
        var last = ContinuousClock.now, isFirst = true
        for try await event in try scheduler.submit(request)[0] {
            guard case .token = event else { continue }
            let now = ContinuousClock.now
            notes.add((now - last).seconds, isFirst: isFirst)
            (last, isFirst) = (now, false)
        }
    }

    // MARK: Reporting

    /// The value that so large a part of the list does not exceed.
    static func quantile(_ values: [Double], _ part: Double) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[max(Int((part * Double(sorted.count)).rounded(.up)) - 1, 0)]
    }

    var json: JSON {
        func milliseconds(_ values: [Double]) -> JSON {
            ["median": JSON(.double(1000 * Self.quantile(values, 0.5))), "p95": JSON(.double(1000 * Self.quantile(values, 0.95)))]
        }
        return [
            "total_tps": JSON(.double(rate)), "generated_tokens": JSON(.int(Int64(generatedTokens))), "seconds": JSON(.double(seconds)),
            "first_token_ms": milliseconds(firstTokenSeconds), "between_tokens_ms": milliseconds(betweenSeconds),
            "prompt_tokens": JSON(.int(Int64(promptTokens))), "computed_prompt_tokens": JSON(.int(Int64(computedTokens))),
            "cache_hits": JSON(.double(hits)),
        ]
    }

    var lines: [String] {
        func figure(_ values: [Double]) -> String {
            "\(Terminal.number(1000 * Self.quantile(values, 0.5), 1)) ms median, \(Terminal.number(1000 * Self.quantile(values, 0.95), 1)) ms 95th percentile"
        }
        return [
            "\(Terminal.number(rate, 1)) tokens/s in all: \(generatedTokens) tokens in \(Terminal.number(seconds, 1)) s",
            "first token after \(figure(firstTokenSeconds))", "between tokens \(figure(betweenSeconds))",
            "\(computedTokens) of \(promptTokens) prompt tokens computed, \(Terminal.number(100 * hits, 1)) % found in the cache",
        ]
    }
}
