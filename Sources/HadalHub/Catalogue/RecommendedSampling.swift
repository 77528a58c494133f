package import HadalCore

/// The sampling options that a model's authors recommend; nil where they say nothing.
public struct RecommendedSampling: Sendable, Equatable {
    public var temperature: Double?
    public var topK: Int?
    public var topP: Double?
    public var minP: Double?
    public var repetitionPenalty: Double?

    public init(
        temperature: Double? = nil, topK: Int? = nil, topP: Double? = nil, minP: Double? = nil, repetitionPenalty: Double? = nil
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
    }

    /// Only what is said.
    package var json: JSON {
        var object = JSONObject()
        object["temperature"] = temperature.map { JSON(.double($0)) }
        object["top_k"] = topK.map { JSON(.int(Int64($0))) }
        object["top_p"] = topP.map { JSON(.double($0)) }
        object["min_p"] = minP.map { JSON(.double($0)) }
        object["repetition_penalty"] = repetitionPenalty.map { JSON(.double($0)) }
        return JSON(.object(object))
    }

    init(_ json: JSON, in document: JSONDocument, what: String) throws {
        var fields = try JSONFields(json, in: document, what: "sampling of \(what)")
        temperature = try fields.optionalDouble("temperature")
        topK = try fields.optionalInt("top_k")
        topP = try fields.optionalDouble("top_p")
        minP = try fields.optionalDouble("min_p")
        repetitionPenalty = try fields.optionalDouble("repetition_penalty")
        try fields.finish()
        func check(_ key: String, _ value: Double?, _ range: ClosedRange<Double>) throws {
            guard let value, !range.contains(value) else { return }
            throw fields.fail("'\(key)' is \(value); it lies between \(range.lowerBound) and \(range.upperBound)", at: json[key])
        }
        try check("temperature", temperature, 0...100)
        try check("top_k", topK.map(Double.init), 0...1e9)
        try check("top_p", topP, 0...1)
        try check("min_p", minP, 0...1)
        try check("repetition_penalty", repetitionPenalty, 0.01...100)
    }
}
