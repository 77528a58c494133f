public import HadalEngine
import HadalFormats
public import HadalHub

extension SamplingOptions {
    /// Takes over what a recommendation says. Returns the names of the settings it changed, as in `json`.
    @discardableResult
    public mutating func adopt(_ recommended: RecommendedSampling) -> Set<String> {
        var named: Set<String> = []
        func adopt<T>(_ value: T?, _ key: WritableKeyPath<SamplingOptions, T>, _ name: String, in options: inout SamplingOptions) {
            guard let value else { return }
            options[keyPath: key] = value
            named.insert(name)
        }
        adopt(recommended.temperature, \.temperature, "temperature", in: &self)
        adopt(recommended.topK, \.topK, "top_k", in: &self)
        adopt(recommended.topP, \.topP, "top_p", in: &self)
        adopt(recommended.minP, \.minP, "min_p", in: &self)
        adopt(recommended.repetitionPenalty, \.repetitionPenalty, "repetition_penalty", in: &self)
        return named
    }
}

extension Engine {
    /// What the catalogue recommends for this model; nil when it says nothing, or cannot be read.
    public var catalogueSampling: RecommendedSampling? {
        let files = model.description.files
        let names = ["general.name", "general.basename"].compactMap { files.metadata($0)?.string }
        return (try? ModelStore())?.recommendedSampling(path: files.path, names: names)
    }
}
