import ArgumentParser
import HadalConstraints
import HadalCore
import HadalEngine
import HadalText
import TestSupport

/// How long the masks of one constraint take, along texts of random tokens that it allows.
struct Masks: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "masks", abstract: "Measure the masks of one constraint.")

    @Option(help: "A file with a JSON Schema.")
    var schema: String?

    @Option(help: "A regular expression.")
    var regex: String?

    @Option(help: ArgumentHelp("The model or tokenizer whose vocabulary masks are of.", valueName: "path"))
    var model: String

    @Option(help: ArgumentHelp("Texts to go along.", valueName: "n"))
    var texts = 4

    @Option(help: ArgumentHelp("Tokens of a text, at most.", valueName: "n"))
    var tokens = 200

    func run() throws {
        let grammar =
            try schema.map { try JSONSchemaReader.grammar(JSONDocument(contentsOf: $0)) }
            ?? Grammar(RegexReader.read(regex ?? ".*", mode: .whole).bytes())
        let vocabulary = try MaskBench.vocabulary(Tokenizer.load(model))
        let constraint = try CompiledConstraint(grammar)
        var mask = TokenMask(tokenCount: vocabulary.count)
        for text in 0..<texts {
            var random = SeededGenerator(seed: UInt64(text))
            var matcher = ConstraintMatcher(constraint, vocabulary)
            var seconds: [Double] = []
            for _ in 0..<tokens {
                let start = ContinuousClock.now
                try matcher.mask(into: &mask)
                seconds.append((ContinuousClock.now - start).seconds)
                guard let token = mask.tokens.randomElement(using: &random), try matcher.accept(token: token) else { break }
            }
            print("text \(text): \(seconds.count) masks, \(MaskBench.line(seconds))")
        }
    }
}
