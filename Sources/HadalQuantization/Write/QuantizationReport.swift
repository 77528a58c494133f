public import HadalCore
import HadalFormats

/// What was written.
public struct QuantizationReport: Sendable {
    /// The tensors of one type together.
    public struct Kind: Sendable {
        public let dtype: DType
        public internal(set) var tensors = 0
        public internal(set) var elements = 0
        public internal(set) var bytes = 0
        /// The largest of the tensors' root mean square errors, each as a share of the tensor's own root mean square.
        public internal(set) var worstError = 0.0
        public internal(set) var worstTensor: String?
    }

    public internal(set) var kinds: [Kind] = []

    public var tensors: Int { kinds.reduce(0) { $0 + $1.tensors } }
    public var elements: Int { kinds.reduce(0) { $0 &+ $1.elements } }
    public var bytes: Int { kinds.reduce(0) { $0 &+ $1.bytes } }
    public var bitsPerWeight: Double { elements == 0 ? 0 : Double(bytes) * 8 / Double(elements) }

    /// - Parameter error: nil where nothing was written yet.
    mutating func add(_ tensor: QuantizationPlan.Tensor, error: Double?) {
        let at = kinds.firstIndex { $0.dtype == tensor.dtype } ?? kinds.count
        if at == kinds.count { kinds.append(Kind(dtype: tensor.dtype)) }
        kinds[at].tensors += 1
        kinds[at].elements &+= tensor.elements
        kinds[at].bytes &+= tensor.bytes
        if let error, error > kinds[at].worstError {
            kinds[at].worstError = error
            kinds[at].worstTensor = tensor.name
        }
    }

    package var json: JSON {
        func number(_ value: Int) -> JSON { JSON(.int(Int64(value))) }
        let types = kinds.map { kind -> JSON in
            [
                "type": JSON(.string(kind.dtype.name)), "tensors": number(kind.tensors), "parameters": number(kind.elements),
                "bytes": number(kind.bytes), "worst_relative_error": JSON(.double(kind.worstError)),
                "worst_tensor": kind.worstTensor.map { JSON(.string($0)) } ?? .null,
            ]
        }
        return [
            "tensors": number(tensors), "parameters": number(elements), "bytes": number(bytes),
            "bits_per_weight": JSON(.double(bitsPerWeight)), "types": JSON(.array(types)),
        ]
    }
}

extension QuantizationPlan {
    /// What will be written, as far as that is known beforehand.
    public var forecast: QuantizationReport {
        var report = QuantizationReport()
        for tensor in tensors { report.add(tensor, error: nil) }
        return report
    }
}
