import Foundation
import Hadal
import HadalCore

/// What a model's files say of it without loading it.
struct ModelFacts: Sendable {
    let description: ModelDescription
    let digest: String
    let modified: Date

    /// Reads the headers of the files. Blocks.
    ///
    /// - Throws: for files that are not those of a model that is known.
    init(path: String, options: EngineOptions) throws {
        description = try ModelDescription(path: path, options: options)
        digest = description.digest
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        modified = attributes?[.modificationDate] as? Date ?? Date(timeIntervalSince1970: 0)
    }

    /// For example `134.5M`, `8.03B`.
    var parameterSize: String {
        let count = Double(description.parameterCount)
        let (divisor, unit) = count < 1e6 ? (1e3, "K") : count < 1e9 ? (1e6, "M") : count < 1e12 ? (1e9, "B") : (1e12, "T")
        return "\((count / divisor * 100).rounded() / 100)\(unit)"
    }

    /// For example `Q8_0`, `Q4_K`, `BF16`.
    var quantization: String { description.mainDType?.name.uppercased() ?? "" }

    /// What the files call the family, and else what Hadal does.
    var family: String { metadata("general.architecture")?.string ?? description.family }

    func metadata(_ key: String) -> JSON? { description.metadata.first { $0.key == key }?.value.unlessNull }
}
