import ArgumentParser
import ConstraintTestSupport
import HadalConstraints
import HadalCore
import TestSupport

/// Random schemas, grammars, expressions and bytes: each is read or refused with an error, allows what its definition says, and never gets
/// stuck, in bounded time and memory.
struct Fuzz: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "fuzz", abstract: "Throw random constraints at the readers and matchers.")

    @Option(help: ArgumentHelp("Constraints to make.", valueName: "n"))
    var rounds = 100_000

    @Option(help: ArgumentHelp("The seed of the first; each further one has the next.", valueName: "n"))
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("End after so long.", valueName: "seconds"))
    var seconds = 3600.0

    @Option(help: ArgumentHelp("Longest time that one may take.", valueName: "seconds"))
    var longest = 20.0

    @Option(help: ArgumentHelp("Most memory of the process, in MiB.", valueName: "n"))
    var memory = 2048

    func run() throws {
        let start = ContinuousClock.now
        var counts: [String: Int] = [:]
        var slowest = (seconds: 0.0, seed: UInt64(0))
        var findings = 0
        var done = 0
        while done < rounds, (ContinuousClock.now - start).seconds < seconds {
            let current = seed + UInt64(done)
            let began = ContinuousClock.now
            var round = FuzzRound(seed: current)
            let outcome: String
            do { outcome = try round.run() } catch {
                findings += 1
                print("seed \(current): \(error)")
                outcome = "finding"
            }
            counts[outcome, default: 0] += 1
            let took = (ContinuousClock.now - began).seconds
            if took > slowest.seconds { slowest = (took, current) }
            if took > longest {
                findings += 1
                print("seed \(current): took \(took) s")
            }
            guard ProcessMemory.peakBytes < UInt64(memory) << 20 else {
                print("seed \(current): the process has come to take \(ByteCount(bytes: Int(clamping: ProcessMemory.peakBytes)))")
                findings += 1
                break
            }
            done += 1
        }
        print("\(done) rounds in \((ContinuousClock.now - start).seconds) s, \(findings) findings")
        for (outcome, count) in counts.sorted(by: { $0.key < $1.key }) { print("  \(outcome): \(count)") }
        print(
            "slowest: seed \(slowest.seed), \(slowest.seconds) s; peak memory \(ByteCount(bytes: Int(clamping: ProcessMemory.peakBytes)))")
        if findings > 0 { throw ExitCode.failure }
    }
}
