import HadalArchitecture
package import HadalCore
import HadalFormats

/// What lists of models say of one, from its files' headers.
extension ModelDescription {
    /// Elements of all tensors.
    package var parameterCount: Int { files.tensors.reduce(0) { $0 + $1.elementCount } }

    /// The type in which most bytes of the weights are; nil without tensors.
    package var mainDType: DType? {
        let bytes = files.tensors.reduce(into: [DType: Int]()) { $0[$1.dtype, default: 0] += $1.byteCount }
        return bytes.max { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) }?.key
    }

    /// Bytes of the files with weights.
    package var fileBytes: Int { files.sources.reduce(0) { $0 + $1.count } }

    /// `gguf`, or `safetensors`.
    package var format: String { files.gguf == nil ? "safetensors" : "gguf" }

    /// The metadata of a GGUF file in its order. Arrays, and texts of more than 1000 bytes, are null. Empty for other files.
    package var metadata: [(key: String, value: JSON)] {
        files.metadataKeys.compactMap { key in files.metadata(key).map { (key, Self.json($0)) } }
    }

    /// The size of the model's hidden state.
    package var width: Int { graph.width }

    /// Tells models apart, 64 hexadecimal digits: the SHA-256 of the tensor directory and of the first bytes of each tensor, not of the files.
    package var digest: String {
        var hash = SHA256()
        hash.combine(field: graph.architecture)
        for tensor in files.tensors {
            hash.combine(field: "\(tensor.name) \(tensor.dtype.name) \(tensor.shape)")
            hash.combine(field: files.firstBytes(of: tensor, count: 16))
        }
        return hash.finish().hexadecimal
    }

    private static func json(_ value: MetadataValue) -> JSON {
        if let flag = value.bool { return JSON(.bool(flag)) }
        if let number = value.int { return JSON(.int(Int64(number))) }
        if let number = value.double { return number.isFinite ? JSON(.double(number)) : .null }
        guard let text = value.string, text.utf8.count <= 1000 else { return .null }
        return JSON(.string(text))
    }
}
