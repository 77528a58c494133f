import ArgumentParser
import Foundation
import Hadal
import HadalCore
import HadalServing

@main
struct Soak: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak", abstract: "Run random requests at once for a while, and hold resident memory against the budget.",
        discussion: """
            Requests are of random length, go on from earlier ones or not, ask for one answer or several, are held to a constraint, are cancelled,
            let go or given a deadline. Fails when the peak of resident memory exceeds the budget by more than 2 %, 60 MB for the program apart, when a
            request fails or is stuck, or when pages of the cache are not released in the end.
            """)

    @Argument(help: "A GGUF file or a Hugging Face directory.") var model: String
    @Option(help: "The budget.", transform: Self.bytes) var memory: ByteCount
    @Option(name: .customLong("expert-memory"), help: "Of it, for experts.", transform: Self.bytes) var expertMemory: ByteCount?
    @Option(help: "Tokens of a session.") var context: Int?
    @Option(name: .customLong("cache-dir"), help: "Keep blocks of the cache on disk as well.") var cacheDirectory: String?
    @Option(help: "How long.") var seconds = 3600.0
    @Option(help: "Clients that send one request after another.") var clients = 12
    @Option(help: "Of the random choices.") var seed: UInt64 = 1

    private static func bytes(_ text: String) throws -> ByteCount {
        guard let count = ByteCount(text) else { throw ValidationError("'\(text)' is not a size in bytes, such as 400MiB.") }
        return count
    }

    /// For the program and its libraries.
    private static let programBytes = 60_000_000

    func run() async throws {
        var options = EngineOptions()
        options.memory = memory.bytes
        options.expertMemory = expertMemory?.bytes
        options.contextLength = context
        options.cacheDirectory = cacheDirectory
        options.log = LogSink { level, text in if level >= .warning { Self.note("\(level): \(text)") } }
        let engine = try await Engine.load(model, options: options)
        let allowed = Int(Double(memory.bytes) * 1.02) + Self.programBytes
        Self.note(
            "\(engine.plan.contextLength) tokens a session, \(engine.plan.cacheTokens) in all; weights \(ByteCount(bytes: engine.plan.heldBytes).rounded), "
                + "scratch \(ByteCount(bytes: engine.plan.scratchBytes).rounded); loaded with a peak of \(ByteCount(bytes: ProcessMemory.peakBytes).rounded)"
        )
        let scheduler = Scheduler(engine)
        let counts = Counts()
        let end = ContinuousClock.now + .seconds(seconds)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<clients {
                group.addTask {
                    let traffic = Traffic(engine, seed: seed &+ UInt64(client) &* 0x9E37_79B9_7F4A_7C15)
                    while ContinuousClock.now < end { try await traffic.request(through: scheduler, counts) }
                }
            }
            group.addTask {
                while ContinuousClock.now < end {
                    try await Task.sleep(for: .seconds(min(10, max(0.1, seconds / 6))))
                    Self.note(
                        "\(counts.text), \(scheduler.status.suspensions) suspensions, peak \(ByteCount(bytes: ProcessMemory.peakBytes).rounded)"
                    )
                }
            }
            try await group.waitForAll()
        }
        // Those that nobody waited for end within a step; then a session may have all of the context.
        for _ in 0..<600 where scheduler.status.running + scheduler.status.waiting > 0 { try await Task.sleep(for: .milliseconds(100)) }
        let status = scheduler.status
        guard status.running == 0, status.waiting == 0 else { throw ValidationError("\(status.running) requests are stuck.") }
        try await scheduler.submit(Traffic(engine, seed: seed).longest())[0].reply()
        let peak = ProcessMemory.peakBytes
        print(
            "peak \(ByteCount(bytes: peak).rounded), allowed \(ByteCount(bytes: allowed).rounded): \(memory.bytes) bytes, 2 % and 60 MB for the program; \(counts.text)"
        )
        guard peak <= allowed else { throw ExitCode.failure }
    }

    private static func note(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
}
