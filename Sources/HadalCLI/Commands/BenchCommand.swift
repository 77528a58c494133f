import ArgumentParser
import Hadal
import HadalCore
import HadalEngine
import HadalFormats

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure prefill and decode speed.",
        discussion:
            "Runs one warm-up, then -r repetitions of a prefill into an empty session and of single-token steps, and one more whose time is split by op. Speeds are also given as percentages of the machine's peak, measured just before and after. With --speculate, also measures a greedy answer to a random prompt, with and without drafts. With --streams, measures requests that share the engine instead: tokens a second of all of them, the time to the first token and between tokens, after a request that does not count."
    )

    @OptionGroup var model: ModelOptions
    @Option(name: .short, help: ArgumentHelp("Number of prompt tokens.", valueName: "n"), reading: NumberOption.integer(1...))
    var p = 512
    @Option(name: .short, help: ArgumentHelp("Number of decode steps.", valueName: "n"), reading: NumberOption.integer(1...))
    var n = 128
    @Option(name: .short, help: ArgumentHelp("Number of repetitions.", valueName: "n"), reading: NumberOption.integer(1...))
    var r = 5
    @Option(
        help: ArgumentHelp("Number of tokens in the context when decoding begins.", valueName: "n"), reading: NumberOption.integer(1...))
    var depth = 1
    @Option(
        help: ArgumentHelp("Number of sequences decoded together; rates are totals over all sequences. (default: 1)", valueName: "n"),
        transform: NumberOption.integer(1...))
    var sequences: Int?
    @Option(
        help: ArgumentHelp(
            "Measure requests through the scheduler instead: number of requests at once, each of -p prompt tokens and -n greedy tokens; each stream sends -r of them, one after the other.",
            valueName: "n"),
        transform: NumberOption.integer(1...))
    var streams: Int?
    @Option(
        help: ArgumentHelp(
            "With --streams: requests that arrive a second, at random moments, whether or not earlier ones are done.", valueName: "n"),
        transform: NumberOption.number(atLeast: 0.001))
    var arrivals: Double?
    @Option(
        name: .customLong("shared-prefix"),
        help: ArgumentHelp("With --streams: number of tokens that all prompts begin with, before the -p of their own.", valueName: "n"),
        transform: NumberOption.integer(0...))
    var sharedPrefix: Int?
    @Flag(help: "Print JSON.")
    var json = false
    @OptionGroup var speculation: SpeculationArguments
    @OptionGroup var cache: DiskCacheArguments

    func validate() throws {
        if streams != nil, sequences != nil { throw ValidationError("--streams and --sequences exclude each other.") }
        if streams != nil, depth != 1 { throw ValidationError("--depth does not go with --streams.") }
        if streams == nil, arrivals != nil || sharedPrefix != nil {
            throw ValidationError("--arrivals and --shared-prefix go with --streams.")
        }
    }

    func run() throws {
        if let streams { return try run(streams: streams) }
        let sequences = sequences ?? 1
        let engine = try model.load(speculation) { $0.batchSequences = max($0.batchSequences, sequences) }
        guard max(p, n + depth) <= engine.contextLength else {
            throw HadalError(
                .invalidArgument, "\(max(p, n + depth)) tokens do not fit a context of \(engine.contextLength)", hint: "raise --context")
        }
        var random = SystemRandomNumberGenerator()
        let upper = Int32(engine.vocabularySize)
        let memory = ProcessMemory.peakBytes
        let before = try BenchCeilings(engine, threads: model.threads)
        func tokens(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32.random(in: 0..<upper, using: &random) } }
        var (prefill, decodeRates): ([Double], [Double]) = ([], [])
        let progress = Progress("bench")
        let session = engine.makeSession()
        for repetition in 0...r {
            let prompt = tokens(p), start = ContinuousClock.now
            try session.append(prompt)
            if repetition > 0 { prefill.append(Double(p) / (ContinuousClock.now - start).seconds) }
            try session.rollBack(to: 0)
            progress.update(Double(repetition + 1) / Double(2 * r + 2))
        }
        let prefillOps = OpTimes(try engine.tracing { try session.append(tokens(p)) }, of: engine)
        try session.rollBack(to: 0)
        // Once for all repetitions: thousands of tokens take minutes.
        try session.append(tokens(depth))
        func decode(_ steps: [Int32]) throws {
            let sessions = [session] + (1..<sequences).map { _ in session.fork() }
            for token in steps { try engine.step(sessions.map { (session: $0, token: token) }) }
            try session.rollBack(to: depth)
        }
        for repetition in 0...r {
            let steps = tokens(n), start = ContinuousClock.now
            try decode(steps)
            if repetition > 0 { decodeRates.append(Double(n * sequences) / (ContinuousClock.now - start).seconds) }
            progress.update(Double(r + repetition + 2) / Double(2 * r + 2))
        }
        let traced = tokens(min(n, 16)), decodeOps = OpTimes(try engine.tracing { try decode(traced) }, of: engine)
        progress.finish()
        let drafted =
            try speculation.options().source == .off
            ? nil : SpeculationFigures(engine, prompt: tokens(min(p, 64)), tokens: n, repetitions: r)
        let ceilings = try BenchCeilings(engine, threads: model.threads).higher(before)
        let weightBytes = engine.model.decodeBytes
        let bandwidth = median(decodeRates) / Double(sequences) * Double(weightBytes)
        let operations = 2 * Double(engine.model.prefillMultiplies) * median(prefill)
        let bandwidthShare = bandwidth / ceilings.bandwidth, arithmeticShare = ceilings.arithmetic.map { operations / $0.rate }
        if json {
            func list(_ values: [Double]) -> JSON { JSON(.array(values.map { JSON(.double($0)) })) }
            var figures = JSONObject([
                ("model", JSON(.string(engine.model.description.files.path))), ("backend", JSON(.string(engine.backendDescription))),
                ("prompt_tokens", JSON(.int(Int64(p)))), ("decode_tokens", JSON(.int(Int64(n)))),
                ("depth", JSON(.int(Int64(depth)))), ("sequences", JSON(.int(Int64(sequences)))),
                ("prefill_tps", list(prefill)), ("decode_tps", list(decodeRates)),
                ("bytes_per_token", JSON(.int(Int64(weightBytes)))), ("decode_bytes_per_second", JSON(.double(bandwidth))),
                ("bandwidth_share", JSON(.double(bandwidthShare))), ("decode_ops", decodeOps.json(steps: traced.count)),
                ("prefill_operations_per_second", JSON(.double(operations))),
                ("arithmetic_share", arithmeticShare.map { JSON(.double($0)) } ?? .null), ("prefill_ops", prefillOps.json(steps: 1)),
                (ceilings.isDevice ? "copy_bytes_per_second" : "read_bytes_per_second", JSON(.double(ceilings.bandwidth))),
                ("int8_operations_per_second", ceilings.int8Operations.map { JSON(.double($0)) } ?? .null),
                ("float32_operations_per_second", ceilings.floatOperations.map { JSON(.double($0)) } ?? .null),
                ("float16_matrix_operations_per_second", ceilings.matrixOperations.map { JSON(.double($0)) } ?? .null),
                ("load_weight_bytes", JSON(.int(Int64(engine.executableInfo.weightBytes)))),
                ("load_peak_memory_bytes", JSON(.int(Int64(memory)))), ("peak_memory_bytes", JSON(.int(Int64(ProcessMemory.peakBytes)))),
                ("experts", engine.expertStatistics?.json ?? .null),
            ])
            if let drafted {
                figures["speculative_tps"] = list(drafted.rates)
                figures["plain_tps"] = list(drafted.plainRates)
                figures["speculation"] = drafted.summary?.json
            }
            Terminal.json(JSON(.object(figures)))
            return
        }
        Terminal.line(engine.backendDescription)
        Terminal.line(
            Terminal.table([
                [
                    "prefill \(p)", "\(Terminal.number(median(prefill), 1)) tokens/s", "\(Terminal.number(operations / 1e9, 0)) GOP/s",
                    ceilings.arithmetic.map {
                        "\(Terminal.number(100 * operations / $0.rate, 1)) % of measured \($0.name), \(Terminal.number($0.rate / 1e9, 0)) GOP/s"
                    } ?? "",
                ],
                [
                    "decode \(n)" + (depth > 1 ? " at \(depth)" : "") + (sequences > 1 ? " x \(sequences)" : ""),
                    "\(Terminal.number(median(decodeRates), 1)) tokens/s", "\(Terminal.number(bandwidth / 1e9, 1)) GB/s",
                    "\(Terminal.number(100 * bandwidthShare, 1)) % of measured \(ceilings.isDevice ? "copy" : "read") bandwidth, \(Terminal.number(ceilings.bandwidth / 1e9, 1)) GB/s",
                ],
            ]))
        Terminal.line(
            "\(Terminal.bytes(weightBytes)) of weights read a \(sequences > 1 ? "step" : "token"), peak memory \(Terminal.bytes(ProcessMemory.peakBytes)); medians of \(r)"
        )
        if !decodeOps.rows.isEmpty { Terminal.line("time in prefill: \(prefillOps.summary); in decode: \(decodeOps.summary)") }
        if let experts = engine.expertStatistics { Terminal.line("experts: \(experts.line)") }
        if let drafted, let summary = drafted.summary {
            Terminal.line(
                "with drafts \(Terminal.number(median(drafted.rates), 1)) tokens/s, the same answer without \(Terminal.number(median(drafted.plainRates), 1)); \(summary.line)"
            )
        }
    }

    private func run(streams: Int) throws {
        let length = p + n + (sharedPrefix ?? 0)
        let engine = try model.load(speculation, cache: cache) { options in
            options.batchSequences = max(options.batchSequences, streams)
            if options.cacheTokens == nil { options.cacheTokens = max(streams * (length + Engine.pageTokens), 2 * length) }
        }
        guard length <= engine.contextLength else {
            throw HadalError(
                .invalidArgument, "\(length) tokens do not fit a context of \(engine.contextLength)", hint: [.raise(.contextLength)])
        }
        let figures = try StreamFigures(
            engine,
            StreamFigures.Load(
                streams: streams, arrivals: arrivals, promptTokens: p, sharedPrefix: sharedPrefix ?? 0, tokens: n, repetitions: r))
        if json {
            var all = JSONObject([
                ("model", JSON(.string(engine.model.description.files.path))), ("backend", JSON(.string(engine.backendDescription))),
                ("streams", JSON(.int(Int64(streams)))), ("arrivals", arrivals.map { JSON(.double($0)) } ?? .null),
                ("shared_prefix", JSON(.int(Int64(sharedPrefix ?? 0)))), ("decode_tokens", JSON(.int(Int64(n)))),
                ("peak_memory_bytes", JSON(.int(Int64(ProcessMemory.peakBytes)))),
            ])
            for member in figures.json.object?.members ?? [] { all[member.key] = member.value }
            Terminal.json(JSON(.object(all)))
            return
        }
        Terminal.line(engine.backendDescription)
        for line in figures.lines { Terminal.line(line) }
    }

    private func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted.count % 2 == 1 ? sorted[sorted.count / 2] : (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
    }
}
