import HadalBackend
package import HadalConformance
import HadalCore

/// One form of an op's kernel with numbers to choose: the values that each may have, and the cases in which the form runs.
package struct TunableKernel: Sendable {
    /// `stage`, or `stage.variant`.
    package var name: String
    /// The usual value first.
    package var parameters: [(name: String, values: [Int])]
    /// The form, or the one that it is a preparation for.
    private var form: KernelForm
    /// Forms of the same stage that the device prefers.
    private var preferred: [KernelForm]

    /// How many choices differ from the usual one in a single parameter.
    package var alternatives: Int { parameters.reduce(0) { $0 + Set($1.values).count - 1 } }

    /// Whether the form may run in a case; where only the backend can tell, it may.
    package func reaches(_ point: ConformancePoint) -> Bool {
        form.serves(point) != false && !preferred.contains { $0.serves(point) == true }
    }

    /// What has something to choose in a backend's entry of an op.json, in order; forms whose features a device lacks are left out.
    static func all(in entry: JSON, features: Set<String>) throws -> [TunableKernel] {
        var kernels: [TunableKernel] = []
        for stage in entry.array ?? entry["stages"]?.array ?? [] {
            guard let stageName = stage["name"]?.string else { continue }
            let base = parameters(stage["parameters"])
            var preferred: [KernelForm] = []
            for (json, isVariant) in (stage["variants"]?.array ?? []).map({ ($0, true) }) + [(stage, false)] {
                guard let name = json["name"]?.string else { continue }
                let form = try KernelForm(json, name: isVariant ? "\(stageName).\(name)" : name, of: isVariant ? stage : nil)
                let before = (json["before"]?.array ?? []).map { ($0["name"]?.string ?? "", parameters($0["parameters"])) }
                let needed = form.features + (json["before"]?.array ?? []).flatMap { ($0["features"]?.array ?? []).compactMap(\.string) }
                guard needed.allSatisfy(features.contains) else { continue }
                for (name, own) in before + [(form.name, json["parameters"].map { parameters($0) } ?? base)]
                where own.contains(where: { Set($0.values).count > 1 }) {
                    kernels.append(TunableKernel(name: name, parameters: own, form: form, preferred: preferred))
                }
                preferred.append(form)
            }
        }
        return kernels
    }

    private static func parameters(_ json: JSON?) -> [(name: String, values: [Int])] {
        (json?.object?.members ?? []).map { ($0.key, ($0.value.array ?? [$0.value]).compactMap(\.int)) }.filter { !$0.1.isEmpty }
    }
}
