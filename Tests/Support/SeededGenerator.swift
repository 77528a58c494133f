import HadalCore

/// The generator of random tests: deterministic, so that a failure can be replayed from its seed.
public typealias SeededGenerator = SplitMix64
