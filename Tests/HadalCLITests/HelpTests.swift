import Testing

/// What `--help` says of every command.
@Suite
struct HelpTests {
    @Test(
        "help gives limits as maxima, and defaults as they are typed",
        arguments: [
            ["run"], ["chat"], ["pull"], ["models"], ["inspect"], ["quantize"], ["synth"], ["logits"], ["generate-ids"], ["tokenize"],
            ["template"], ["trace"],
            ["bench"], ["eval", "perplexity"], ["eval", "kl"], ["plan"], ["doctor"], ["backends"], ["plugin", "check"],
            ["kernels", "list"], ["kernels", "test"],
            ["kernels", "bench"], ["kernels", "watch"], ["kernels", "new"], ["kernels", "tune"], ["kernels", "build"], ["arch", "check"],
            ["cache", "list"], ["cache", "verify"], ["cache", "clear"],
        ])
    func plainWords(command: [String]) throws {
        let run = try CommandRun(command + ["--help"])
        #expect(run.status == 0 && run.out.contains("USAGE: hadal \(command.joined(separator: " "))"))
        for words in ["Most ", "Keep so many", "Give up", "ByteCount(", "Optional("] {
            #expect(!run.out.contains(words), "\(words): \(run.out)")
        }
    }

    @Test("the default of a size is given with its unit")
    func sizes() throws { #expect(try CommandRun(["trace", "--help"]).out.contains("Maximum bytes of operands to save. (default: 1GiB)")) }
}
