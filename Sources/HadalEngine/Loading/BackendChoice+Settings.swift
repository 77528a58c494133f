package import HadalBackend
package import HadalCore

extension BackendChoice {
    /// A setting for a backend that is not in use is fine, one for a backend that does not exist is an error.
    static func checkOwners(of settings: [String: String], _ registry: BackendRegistry, known: Set<String>) throws {
        var known = known
        for key in settings.keys.sorted() {
            let owner = String(key.prefix { $0 != "." })
            if known.contains(owner) { continue }
            known.formUnion(registry.list().available.map(\.backend.name))
            guard known.contains(owner) else {
                throw HadalError(
                    .invalidArgument, "option \(key): there is no backend '\(owner)'",
                    hint: "backends: \(known.sorted().joined(separator: ", "))")
            }
        }
    }

    static func takesThreads(_ backend: any Backend) -> Bool {
        WellKnownOption.threads.isPublished(by: backend)
    }

    /// The options that a backend is opened with, besides a limit on experts.
    static func settings(_ options: EngineOptions, for backend: any Backend) throws -> [String: OptionValue] {
        var values = try parse(options.settings, for: backend)
        if let threads = options.threads,
            let spec = backend.options.first(where: { $0.name == WellKnownOption.threads.name && $0.kind == .int })
        {
            values[spec.name] = try spec.parse(String(threads))
        }
        // A kernel that computes several ops would hide a change of one of them.
        if !options.fusesOps, values[WellKnownOption.fusion.name] == nil, WellKnownOption.fusion.isPublished(by: backend) {
            values[WellKnownOption.fusion.name] = .bool(false)
        }
        return try options.environment.addingKernels(to: values, for: backend)
    }

    /// Those of `name.option` settings that are this backend's.
    package static func parse(_ settings: [String: String], for backend: any Backend) throws -> [String: OptionValue] {
        var values: [String: OptionValue] = [:]
        for (key, text) in settings {
            let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0] == backend.name else { continue }
            guard let spec = backend.options.first(where: { $0.name == parts[1] }) else {
                let known = backend.options.map(\.name).joined(separator: ", ")
                throw HadalError(
                    .invalidArgument, "backend \(backend.name) has no option '\(parts[1])'",
                    hint: "options: \(known.isEmpty ? "none" : known)")
            }
            values[spec.name] = try spec.parse(text)
        }
        return values
    }

    /// The backend, an index into `backends`, that keeps its experts to a limit; nil where none can.
    ///
    /// - Parameter experts: those that experts are meant for.
    /// - Throws: `unsupported` when a limit is wanted and no such backend takes one, or several do.
    static func streaming(_ backends: [any Backend], experts: Set<Int>, _ options: EngineOptions) throws -> Int? {
        let holders = experts.isEmpty ? [0] : experts.sorted()
        let able = holders.filter { index in
            let backend = backends[index]
            return WellKnownOption.expertMemory.isPublished(by: backend) && backend.capabilities.contains(.weightPieces)
        }
        guard let limit = options.expertMemory else { return able.first }
        guard limit > 0 else { throw HadalError(.invalidArgument, "a limit of \(limit) bytes for experts", hint: [.remove(.expertMemory)]) }
        guard let first = able.first else {
            throw HadalError(
                .unsupported, "backend '\(backends[holders[0]].name)' keeps all experts in memory and takes no limit on them",
                hint: "the cpu backend does")
        }
        guard able.count == 1 else {
            throw HadalError(
                .unsupported,
                "the limit on expert memory holds for one backend, and experts are placed on \(able.map { backends[$0].name }.joined(separator: " and "))",
                hint: "place all experts on one of them")
        }
        return first
    }
}
