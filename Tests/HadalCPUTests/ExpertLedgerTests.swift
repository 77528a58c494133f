@testable import HadalCPU
import HadalCore
import TestSupport
import Testing

/// Who goes when room is needed.
struct ExpertLedgerTests {
    /// A cache that holds at once whatever it is asked for, one expert after the other.
    private struct Simulation {
        var ledger: ExpertLedger
        var hits = 0, misses = 0
        var held = 0

        init(limit: Int, shared: Int = 1, policy: ExpertPolicy = .frequency, layers: Int = 1, experts: Int) {
            ledger = ExpertLedger(limit: limit, shared: shared, policy: policy)
            for _ in 0..<layers { _ = ledger.add(experts: experts, regionBytes: 1) }
        }

        /// One step of a layer that needs `experts`, in ascending order, of which as many are pinned at once as fit.
        mutating func step(_ layer: Int = 0, _ experts: [Int]) {
            ledger.begin(layer)
            for (turn, expert) in experts.enumerated() { ledger[ledger.index(layer, expert)].turn = Int32(turn) }
            for (turn, expert) in experts.enumerated() {
                let index = ledger.index(layer, expert)
                if ledger[index].state == .ready {
                    hits += 1
                } else {
                    misses += 1
                    take(index, layer, turn: Int32(turn))
                }
                ledger.use(index, in: layer)
                ledger[index].turn = -1
            }
        }

        mutating func take(_ index: Int, _ layer: Int, turn: Int32?) {
            if held == ledger.limit {
                guard let victim = ledger.victim(for: layer, turn: turn) else {
                    Issue.record("nobody can go")
                    return
                }
                ledger.drop(victim, in: ledger.layer(of: victim))
                held -= 1
            }
            ledger.hold(index, in: layer)
            ledger[index].state = .ready
            held += 1
        }

        func isHeld(_ layer: Int, _ expert: Int) -> Bool { ledger[ledger.index(layer, expert)].state == .ready }
    }

    @Test func whatIsPinnedStays() {
        var run = Simulation(limit: 3, experts: 8)
        run.step(0, [0, 1, 2])
        for expert in [0, 1] { run.ledger.pin(expert, in: 0) }
        #expect(run.ledger.victim(for: 0, turn: 0) == 2)
        run.ledger.pin(2, in: 0)
        #expect(run.ledger.victim(for: 0, turn: 0) == nil)
        run.ledger.unpin(1, in: 0)
        #expect(run.ledger.victim(for: 0, turn: 0) == 1)
    }

    /// A pass over more experts than fit leaves as many in memory for the next pass as it can.
    @Test func passesFindTheLastExpertsStillThere() {
        for policy in [ExpertPolicy.frequency, .recency] {
            var run = Simulation(limit: 5, policy: policy, experts: 16)
            for _ in 0..<4 { run.step(0, Array(0..<16)) }
            // Four of the five stay from pass to pass; one place is where the others go through.
            #expect(run.hits >= 3 * 4, "\(policy): \(run.hits)")
        }
    }

    @Test func guessesTakeNoPlaceFromWhatIsNeeded() {
        var run = Simulation(limit: 4, layers: 2, experts: 8)
        run.step(0, [0, 1, 2, 3])
        for expert in 0..<4 { run.ledger[expert].turn = Int32(expert) }
        #expect(run.ledger.victim(for: 1, turn: nil) == nil)
        run.ledger[3].turn = -1
        // Four held, of a quota that is less: one is there to be taken.
        #expect(run.ledger.victim(for: 1, turn: nil) == 3)
        run.ledger[3].isExpected = true
        #expect(run.ledger.victim(for: 1, turn: nil) == nil)
        // What is certain goes before what is guessed.
        #expect(run.ledger.victim(for: 1, turn: 0) == 3)
    }

    /// Layers take turns: with one order of age for all, each would push out the one that comes next.
    @Test func layersShareTheLimit() {
        var run = Simulation(limit: 8, layers: 4, experts: 8)
        for _ in 0..<10 { for layer in 0..<4 { run.step(layer, [0, 1]) } }
        #expect(run.misses == 8)
        var tight = Simulation(limit: 5, layers: 4, experts: 8)
        for _ in 0..<10 { for layer in 0..<4 { tight.step(layer, [0, 1]) } }
        // A place for each layer, half of what it needs, and one for the other half to go through.
        #expect(tight.hits >= 4 * 8, "\(tight.hits)")
    }

    @Test func aLayerThatIsGoneLeavesItsShare() {
        var ledger = ExpertLedger(limit: 12, shared: 0)
        let first = ledger.add(experts: 4, regionBytes: 2), second = ledger.add(experts: 8, regionBytes: 2)
        #expect(ledger.layers[first].quota == 4 && ledger.layers[second].quota == 8 && ledger.totalBytes == 24)
        ledger.remove(first)
        #expect(ledger.layers[second].quota == 12 && ledger.totalBytes == 16)
        #expect(ledger.layer(of: 3) == first && ledger.layer(of: 4) == second && ledger.layer(of: 11) == second)
    }

    /// Favourites drawn from a skewed distribution, with tokens that now and then choose at random: a use count that fades keeps more of them
    /// than age does.
    @Test(arguments: [8, 16, 24]) func favouritesStay(places: Int) {
        var random = SeededGenerator(seed: 11)
        let experts = 64
        // Chances fall like 1 / rank, over a fixed shuffle.
        let order = Array(0..<experts).shuffled(using: &random)
        let weights = (0..<experts).map { 1 / Double($0 + 1) }
        let total = weights.reduce(0, +)
        func draw() -> Int {
            var at = Double.random(in: 0..<total, using: &random)
            for (rank, weight) in weights.enumerated() {
                at -= weight
                if at < 0 { return order[rank] }
            }
            return order[experts - 1]
        }
        var frequency = Simulation(limit: places, policy: .frequency, experts: experts)
        var recency = Simulation(limit: places, policy: .recency, experts: experts)
        for _ in 0..<2000 {
            var chosen: Set<Int> = []
            while chosen.count < 6 { chosen.insert(draw()) }
            frequency.step(0, chosen.sorted())
            recency.step(0, chosen.sorted())
        }
        #expect(frequency.hits > recency.hits, "\(places) places: \(frequency.hits) with frequency, \(recency.hits) with recency")
    }
}
