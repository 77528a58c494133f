import HadalCore

/// Which safetensors files of a directory hold the model's weights, where no index says so.
struct SafetensorsNames {
    /// File names in order; empty when there are none.
    let files: [String]
    /// Whether they have the name that the original releases of some models have, beside or in place of those of `transformers`.
    let areOriginal: Bool

    private static let ending = ".safetensors"
    private static let original = "consolidated"
    private static let usual = "model"
    /// Weights that are laid over those of a model.
    private static let adapter = "adapter"

    /// Files named like `model…` come first, then any others, then the original release's: publishers put the same weights up twice.
    init(_ provider: FileProvider) {
        let names = provider.names.filter { Self.isSafetensors($0) && !Self.isAdapter($0) }
        let others = names.filter { !$0.hasPrefix(Self.original) }
        let models = others.filter { $0.hasPrefix(Self.usual) }
        files = !models.isEmpty ? models : !others.isEmpty ? others : names
        areOriginal = others.isEmpty && !names.isEmpty
    }

    private static func isSafetensors(_ name: String) -> Bool { name.lowercased().hasSuffix(ending) && !name.hasPrefix(".") }

    static func isAdapter(_ name: String) -> Bool { isSafetensors(name) && name.hasPrefix(adapter) }

    /// - Throws: `notFound` naming a shard that is missing: `model-00002-of-00003.safetensors`.
    func checkComplete(_ provider: FileProvider) throws {
        var numbers: [Shard.Series: Set<Int>] = [:]
        for shard in files.compactMap(Shard.init) { numbers[shard.series, default: []].insert(shard.number) }
        for (series, present) in numbers {
            let first = present.contains(0) ? 0 : 1
            guard let missing = (first..<first + series.count).first(where: { !present.contains($0) }) else { continue }
            throw HadalError(
                .notFound, "shard \(missing) of \(series.count) is missing: \(series.name(missing))", at: SourcePlace(provider.directory),
                hint: "download all \(series.count) shards")
        }
    }

    /// `PREFIX-00002-of-00003.safetensors`
    private struct Shard {
        struct Series: Hashable {
            var prefix: String
            var count: Int
            var digits: Int

            func name(_ number: Int) -> String { "\(prefix)-\(padded(number))-of-\(padded(count))\(ending)" }

            private func padded(_ number: Int) -> String {
                let text = String(number)
                return String(repeating: "0", count: max(0, digits - text.count)) + text
            }
        }
        var series: Series
        var number: Int

        private static let mostShards = 10_000

        init?(_ name: String) {
            let parts = name.dropLast(ending.count).split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count >= 4, parts[parts.count - 2] == "of", let number = Int(parts[parts.count - 3]),
                let count = Int(parts[parts.count - 1]),
                (1...Self.mostShards).contains(count), (0...count).contains(number)
            else { return nil }
            self.number = number
            series = Series(prefix: parts.dropLast(3).joined(separator: "-"), count: count, digits: parts[parts.count - 1].count)
        }
    }
}
