import Hadal
import HadalBackend
import HadalCore

/// Backends as text.
enum BackendListing {
    /// - Parameter options: whether the backends' options are listed.
    static func text(_ registry: BackendRegistry, options: Bool = true) -> String {
        let (available, unavailable) = registry.list()
        var lines: [String] = []
        for entry in available {
            let backend = entry.backend
            lines.append("\(backend.name) \(backend.version)  \(backend.summary)")
            if let path = entry.plugin?.path { lines.append("  from \(path), ABI \(entry.plugin?.abiVersion ?? 0)") }
            do {
                for (index, device) in try backend.devices().enumerated() {
                    var text = "  device \(index): \(device.name)"
                    if !device.driver.isEmpty { text += ", \(device.driver)" }
                    for heap in device.heaps {
                        text +=
                            ", \(Terminal.bytes(Int(clamping: heap.bytesFree))) free of \(Terminal.bytes(Int(clamping: heap.bytesTotal)))"
                    }
                    if !device.features.isEmpty { text += ", \(device.features.joined(separator: " "))" }
                    lines.append(text)
                }
            } catch {
                lines.append("  devices cannot be listed: \((error as? HadalError)?.commandLine ?? "\(error)")")
            }
            guard options else { continue }
            if !backend.options.isEmpty { lines.append("  options (--set \(backend.name).NAME=VALUE)") }
            let rows = backend.options.map { option -> [String] in
                var range = ""
                if let minimum = option.minimum, let maximum = option.maximum { range = "\(number(minimum)) to \(number(maximum))" }
                if !option.choices.isEmpty { range = option.choices.joined(separator: "|") }
                return ["    \(option.name)", "\(option.kind)", "default \(value(option.defaultValue))", range, option.help]
            }
            if !rows.isEmpty { lines.append(Terminal.table(rows)) }
        }
        if !unavailable.isEmpty { lines.append("\nunavailable") }
        for item in unavailable {
            lines.append("  \(item.name ?? item.path ?? "?"): \(item.reason)")
            if item.name != nil, let path = item.path { lines.append("    \(path)") }
        }
        return lines.joined(separator: "\n")
    }

    /// The same as a part of a longer text.
    static func indented(_ registry: BackendRegistry, options: Bool = true) -> String {
        text(registry, options: options).split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }.joined(separator: "\n")
    }

    private static func number(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }

    private static func value(_ value: OptionValue) -> String {
        switch value {
        case .bool(let b): "\(b)"
        case .int(let i): "\(i)"
        case .float(let d): number(d)
        case .string(let s): s.isEmpty ? "none" : s
        }
    }
}
