package import HadalCore
import Synchronization

extension BackendRegistry {
    /// A backend and one of its devices, as `--backend name` or `name:device` chose them.
    package struct Selection: Sendable {
        package let backend: any Backend
        package let deviceIndex: Int
        package let device: DeviceInfo

        package func open(options: [String: OptionValue] = [:], log: LogSink = .silent) throws -> any Device {
            try backend.open(device: deviceIndex, options: options, log: log)
        }
    }

    /// The backend called `name`.
    ///
    /// - Throws: `.notFound` that lists what there is, and what is there and cannot be used, with reasons.
    package func backend(named name: String) throws -> any Backend {
        if let found = find(name) { return found }
        let (available, unavailable) = list()
        if let found = available.first(where: { $0.backend.name == name }) { return found.backend }
        let names = available.map(\.backend.name)
        var hints = [names.isEmpty ? "no backend is available" : "available: \(names.joined(separator: ", "))"]
        let others = unavailable.filter { $0.name != name }
        if !others.isEmpty {
            hints.append(
                "unavailable: "
                    + others.map { "\($0.name ?? $0.path ?? "?") (\($0.path.map { path in "\(path): " } ?? "")\($0.reason))" }.joined(
                        separator: ", "))
        }
        let hint = hints.joined(separator: "; ")
        let own = unavailable.filter { $0.name == name }
        guard !own.isEmpty else {
            throw HadalError(.notFound, "there is no backend '\(name)': \(missing(name))", hint: hint)
        }
        let reasons = own.map { ($0.path.map { "\($0): " } ?? "") + $0.reason }.joined(separator: "; ")
        throw HadalError(.notFound, "backend '\(name)' is not available: \(reasons)", hint: hint)
    }

    /// Resolves `name` (the first device) or `name:device`, the device given by index, id, name or a part of the name that only it has.
    package func resolve(_ specification: String) throws -> Selection {
        let parts = specification.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let backend = try backend(named: parts.first ?? "")
        let devices = try backend.devices()
        func list() -> String {
            devices.enumerated().map { "\($0): \($1.name)\($1.id == $1.name ? "" : " [\($1.id)]")" }.joined(separator: ", ")
        }
        guard parts.count == 2 else {
            guard let first = devices.first else { throw HadalError(.notFound, "backend '\(backend.name)' has no devices") }
            return Selection(backend: backend, deviceIndex: 0, device: first)
        }
        let wanted = parts[1]
        let alike = devices.indices.filter { devices[$0].name.lowercased().contains(wanted.lowercased()) }
        let index =
            devices.firstIndex { $0.id == wanted } ?? devices.firstIndex { $0.name == wanted } ?? Int(wanted)
            ?? (alike.count == 1 && !wanted.isEmpty ? alike[0] : nil)
        guard let index, devices.indices.contains(index) else {
            throw HadalError(
                .notFound, "backend '\(backend.name)' has no device '\(wanted)'",
                hint: devices.isEmpty ? "it has no devices" : "it has \(list())")
        }
        return Selection(backend: backend, deviceIndex: index, device: devices[index])
    }

    /// Looks in the order of the directories, in each at the file that bears the name first, and loads no further than it must.
    private func find(_ name: String) -> (any Backend)? {
        state.withLock { state in
            if let own = state.registered.first(where: { $0.name == name }) { return own }
            for directory in directories {
                let files = directory.candidates().files
                let order =
                    files.filter { BackendRegistry.name(ofFile: $0) == name } + files.filter { BackendRegistry.name(ofFile: $0) != name }
                for file in order {
                    if case .success(let plugin) = BackendRegistry.load(file, &state), plugin.name == name { return PluginBackend(plugin) }
                }
            }
            return nil
        }
    }
}
