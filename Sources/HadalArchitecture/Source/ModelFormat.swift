/// The two ways in which weights are stored; formulas see it as `format`.
package enum ModelFormat: String, Sendable, CaseIterable {
    case safetensors
    case gguf
}
