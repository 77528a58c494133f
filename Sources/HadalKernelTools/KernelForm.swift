import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph

/// Where one form of a kernel, a stage or a variant of it, serves: what `op.json` says of it under a backend's name.
struct KernelForm: Sendable {
    /// `stage`, or `stage.variant`.
    var name: String
    /// Over extents and attributes; all must hold.
    var conditions: [Expression] = []
    /// Element types of inputs that it is for.
    var dtypes: [String: Set<String>] = [:]
    var features: [String] = []

    /// - Parameter stage: the stage that this is a variant of; nil: a stage.
    init(_ json: JSON, name: String, of stage: JSON? = nil) throws {
        self.name = name
        conditions = try [json["when"] ?? stage?["when"], json["requires"]].compactMap { $0?.string }.map { try Expression(parsing: $0) }
        for (input, types) in json["dtypes"]?.object?.members.map({ ($0.key, $0.value) }) ?? [] {
            dtypes[input] = Set((types.array ?? [types]).compactMap { $0.string?.lowercased() })
        }
        features = (json["features"]?.array ?? []).compactMap(\.string)
    }

    /// Whether it is for a case, features aside; nil: that depends on what only the backend knows.
    func serves(_ point: ConformancePoint) -> Bool? {
        var isKnown = true
        for (input, types) in dtypes {
            guard let dtype = point.dtypes[input] else {
                isKnown = false
                continue
            }
            if !types.contains(dtype.name.lowercased()) { return false }
        }
        for condition in conditions {
            let value = try? condition.evaluate { name in
                point.attributes[name]?.expressionValue ?? point.dims[name].map { .int($0) }
            }
            guard let holds = value?.bool else {
                isKnown = false
                continue
            }
            if !holds { return false }
        }
        return isKnown ? true : nil
    }
}
