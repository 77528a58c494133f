import Foundation
import HadalCore

/// The file of tuned parameters: `{device: {op: {kernel: {parameter: value}}}}`.
package enum TunedFile {
    /// Where a backend looks when it is given no file: `hadal/tuned/BACKEND.json` in the user's cache directory; nil when that is not known.
    package static func standardPath(backend: String) -> String? {
        ContentCache.standardDirectory("tuned").map { "\($0)/\(backend).json" }
    }

    /// Writes parameters of a device, keeping those of other devices and ops that the file has already.
    ///
    /// - Parameter ops: parameters by op and kernel. An op without any has the usual ones.
    /// - Throws: `malformed` when what is there is no such file, `io`.
    package static func write(_ ops: [String: [String: [String: Int]]], device: String, to path: String) throws {
        var root = JSONObject()
        if FileManager.default.fileExists(atPath: path) {
            let document = try JSONDocument(contentsOf: path)
            guard let object = document.root.object else {
                throw HadalError(
                    .malformed, "tuned parameters must be an object, not \(document.root.kindName)", at: SourcePlace(path),
                    hint: "delete the file, or name another")
            }
            root = object
        }
        var own = root[device]?.object ?? JSONObject()
        for (op, kernels) in ops.sorted(by: { $0.key < $1.key }) {
            own[op] = JSON(
                .object(
                    JSONObject(
                        kernels.sorted { $0.key < $1.key }.map { kernel, values in
                            (
                                kernel,
                                JSON(.object(JSONObject(values.sorted { $0.key < $1.key }.map { ($0.key, JSON(.int(Int64($0.value)))) })))
                            )
                        })))
        }
        root[device] = JSON(.object(own))
        try WholeFile.write(Array((JSON(.object(root)).text(indent: 2) + "\n").utf8), to: path, for: .everyone)
    }
}
