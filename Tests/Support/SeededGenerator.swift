package import HadalCore

/// The generator of random tests: deterministic, so that a failure can be replayed from its seed.
package typealias SeededGenerator = SplitMix64
