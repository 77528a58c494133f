import HadalBackend
package import HadalCore
import HadalEngine

/// A candidate as a text that another process can check. Backends that are linked into this one are left out.
extension KernelCandidate {
    /// As one line of JSON, which `init(parsing:)` reads.
    public var text: String { json.text() }

    package var json: JSON {
        func list(_ texts: [String]) -> JSON { JSON(.array(texts.map { JSON(.string($0)) })) }
        var options = JSONObject()
        for (name, value) in self.options.sorted(by: { $0.key < $1.key }) {
            options[name] =
                switch value {
                case .bool(let b): JSON(.bool(b))
                case .int(let i): JSON(.int(i))
                case .float(let d): JSON(.double(d))
                case .string(let s): JSON(.string(s))
                }
        }
        var object = JSONObject()
        object["op"] = JSON(.string(op))
        object["directory"] = JSON(.string(directory))
        object["backend"] = JSON(.string(backend))
        object["device"] = JSON(.int(Int64(device)))
        object["options"] = JSON(.object(options))
        object["plugins"] = list(environment.pluginPaths)
        object["kernels"] = list(environment.kernelPaths)
        return JSON(.object(object))
    }

    /// Reads what `text` gave.
    public init(parsing text: String) throws {
        let document = try JSONDocument(parsing: text, file: "candidate")
        var fields = try JSONFields(document.root, in: document, what: "candidate")
        func texts(_ json: [JSON]) -> [String] { json.compactMap(\.string) }
        var options: [String: OptionValue] = [:]
        for member in try fields.optionalObject("options")?.members ?? [] {
            switch member.value.value {
            case .bool(let b): options[member.key] = .bool(b)
            case .int(let i): options[member.key] = .int(i)
            case .double(let d): options[member.key] = .float(d)
            case .string(let s): options[member.key] = .string(s)
            default: throw fields.fail("'\(member.key)' has no value of an option", at: member.value)
            }
        }
        self.init(
            op: try fields.string("op"), directory: try fields.string("directory"), backend: try fields.string("backend"),
            device: try fields.int("device"),
            options: options,
            environment: SearchPaths(pluginPaths: texts(try fields.array("plugins")), kernelPaths: texts(try fields.array("kernels"))))
        try fields.finish()
    }
}
