import HadalCore

extension ModelStore {
    /// What the catalogue recommends for a model: its entry when the path is that of an installed one, else the first rule for
    /// one of its names.
    ///
    /// - Parameters:
    ///   - path: as `resolve(_:)` gave it.
    ///   - names: what the model's files call it; its file name counts too.
    public func recommendedSampling(path: String, names: [String]) -> RecommendedSampling? {
        if let entry = catalogue.entries.first(where: { (try? modelPath(of: $0)).flatMap { $0 } == path }) { return entry.sampling }
        let file = path.split(separator: "/").last.map(String.init)
        return catalogue.samplingRules.first { $0.applies(to: names + [file].compactMap { $0 }) }?.sampling
    }
}
