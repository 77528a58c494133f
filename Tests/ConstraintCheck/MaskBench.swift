import ArgumentParser
import ConstraintTestSupport
import HadalConstraints
import HadalCore
import HadalEngine
import HadalText

/// How many published schemas are read, what they allow, and how long that takes: for each mask of the valid instances with a model's
/// vocabulary, with what one schema leaves behind for the next.
struct MaskBench: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "maskbench", abstract: "Measure masks over published schemas.")

    @Argument(help: "maskbench.jsonl.xz")
    var file: String

    @Option(help: ArgumentHelp("The model or tokenizer whose vocabulary masks are of.", valueName: "path"))
    var model: String

    @Option(help: ArgumentHelp("Every so manieth schema alone.", valueName: "n"))
    var every = 1

    func run() throws {
        let tokenizer = try Tokenizer.load(model)
        let vocabulary = try Self.vocabulary(tokenizer)
        var figures = Figures()
        let all = try PublishedSchemas.all(file)
        for (index, published) in all.enumerated() where index % every == 0 {
            figures.count += 1
            let start = ContinuousClock.now
            let constraint: CompiledConstraint
            do { constraint = try CompiledConstraint(try JSONSchemaReader.grammar(published.schema)) } catch let error as HadalError {
                figures.refusals[error.code.rawValue, default: 0] += 1
                continue
            }
            figures.compile.append((ContinuousClock.now - start).seconds)
            let matcher = ConstraintMatcher(constraint, vocabulary)
            do {
                let mistakes = try published.mistakes(matcher)
                figures.invalid += mistakes.allowed.map { "\(published.name) \($0)" }
                if mistakes.allowed.isEmpty && mistakes.refused.isEmpty { figures.right += 1 }
                for instance in published.instances where instance.isValid {
                    try measure(matcher, try tokenizer.encode(instance.text, parseSpecial: false), published.name, &figures)
                }
            } catch let error as HadalError { figures.failures.append("\(published.name): \(error.message)") }
        }
        figures.show()
    }

    static func vocabulary(_ tokenizer: Tokenizer) throws -> TokenVocabulary {
        let texts: [[UInt8]?] = try (0..<Int32(tokenizer.count)).map { try tokenizer.isControl($0) ? nil : tokenizer.tokenBytes($0) }
        return TokenVocabulary(texts, endTokens: [])
    }

    private func measure(_ matcher: ConstraintMatcher, _ tokens: [Int32], _ name: String, _ figures: inout Figures) throws {
        var matcher = matcher
        var mask = TokenMask(tokenCount: matcher.vocabulary.count)
        for token in tokens {
            let start = ContinuousClock.now
            try matcher.mask(into: &mask)
            let seconds = (ContinuousClock.now - start).seconds
            figures.masks.append(seconds)
            if seconds > figures.slowest.seconds { figures.slowest = (seconds, name) }
            guard mask.contains(Int(token)), try matcher.accept(token: Int(token)) else { return }
        }
    }
}

/// What was measured.
private struct Figures {
    var count = 0
    var right = 0
    var invalid: [String] = []
    var failures: [String] = []
    var refusals: [String: Int] = [:]
    /// Seconds.
    var compile: [Double] = []
    var masks: [Double] = []
    var slowest = (seconds: 0.0, schema: "")

    func show() {
        func percent(_ part: Int) -> String { "\(part) (\((1000 * Double(part) / Double(max(count, 1))).rounded() / 10) %)" }
        print("schemas \(count), read \(percent(compile.count)), right \(percent(right)), invalid instances allowed \(invalid.count)")
        for name in invalid { print("  allowed: \(name)") }
        print("refused: \(refusals.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))")
        for failure in failures.prefix(20) { print("  failed: \(failure)") }
        print("compile: \(Self.line(compile))")
        print("masks: \(masks.count), \(Self.line(masks)), the slowest of \(slowest.schema)")
        print("peak memory \(ByteCount(bytes: Int(clamping: ProcessMemory.peakBytes)))")
    }

    private static func line(_ seconds: [Double]) -> String { MaskBench.line(seconds) }
}

extension MaskBench {
    /// Mean and quantiles.
    static func line(_ seconds: [Double]) -> String {
        guard let longest = seconds.max() else { return "none" }
        let sorted = seconds.sorted()
        func milliseconds(_ value: Double) -> String { "\((value * 1e6).rounded() / 1000) ms" }
        let mean = seconds.reduce(0, +) / Double(seconds.count)
        return "mean \(milliseconds(mean)), p50 \(milliseconds(sorted[sorted.count / 2])), "
            + "p99 \(milliseconds(sorted[min(sorted.count * 99 / 100, sorted.count - 1)])), longest \(milliseconds(longest))"
    }
}
