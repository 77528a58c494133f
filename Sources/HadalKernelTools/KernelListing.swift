import Foundation
import HadalBackend
package import HadalConformance
package import HadalCore
package import HadalEngine
import HadalGraph
import HadalKernelFiles

/// Every op on every backend: whether there is a kernel, for which types, and where its source is.
package struct KernelListing: Sendable {
    package enum Status: Sendable, Equatable {
        /// The backend's own kernel.
        case native
        /// A source in one of the user's directories takes its place.
        case overridden(String)
        /// The backend runs none of the op's cases, for this reason.
        case missing(String)

        package var name: String {
            switch self {
            case .native: "native"
            case .overridden: "overridden"
            case .missing: "missing"
            }
        }
    }

    package struct Row: Sendable {
        package var op: String
        package var backend: String
        package var status: Status
        package var support: KernelSupport
        /// The source that is compiled for the backend; nil where none lies in a folder.
        package var source: String?
    }

    package private(set) var rows: [Row] = []
    /// Folder of each op's contract.
    package private(set) var folders: [String: String] = [:]
    /// Backends that could not be asked, and why.
    package private(set) var unavailable: [(backend: String, reason: String)] = []

    /// - Parameters:
    ///   - backends: names, or `name:device`; empty: every backend there is.
    ///   - ops: empty: every op.
    /// - Throws: for a backend or op that was named and is not there.
    package init(
        environment: SearchPaths, backends: [String] = [], ops: [String] = [], settings: [String: String] = [:], log: LogSink = .silent
    ) throws {
        let catalogue = try environment.catalogue()
        let contracts = try (ops.isEmpty ? catalogue.contracts.keys.sorted() : ops).map { try catalogue.contract(for: $0) }
        for contract in contracts { folders[contract.name] = contract.folder }
        let registry = try environment.registry()
        var names = backends
        if names.isEmpty {
            let (available, missing) = registry.list()
            names = available.map(\.backend.name)
            unavailable = missing.map { ($0.name ?? $0.path ?? "?", $0.reason) }
        }
        for name in names {
            let (device, backend): (any Device, any Backend)
            do {
                let selection = try registry.resolve(name)
                backend = selection.backend
                device = try selection.open(options: try KernelWorkbench.options(for: backend, environment, settings), log: log)
            } catch let error as HadalError where backends.isEmpty {
                unavailable.append((name, error.description))
                continue
            }
            defer { device.quiesce() }
            for contract in contracts { rows.append(try Self.row(contract, backend, device, catalogue, environment)) }
        }
    }

    private static func row(
        _ contract: OpContract, _ backend: any Backend, _ device: any Device, _ catalogue: OpCatalogue, _ environment: SearchPaths
    ) throws -> Row {
        let support = try KernelSupport(contract, catalogue: catalogue, device: device, capabilities: backend.capabilities)
        let takesKernels = WellKnownOption.kernels.isPublished(by: backend)
        let own =
            takesKernels
            ? environment.kernelDirectories.lazy.compactMap { source(of: contract.name, for: backend.name, in: $0) }.first : nil
        let stock = OpCatalogue.installationFolder.flatMap { source(of: contract.name, for: backend.name, in: $0) }
        let status: Status
        if support.supported == 0 {
            status = .missing(support.reasons.first?.reason ?? "the contract has no cases")
        } else if let own {
            status = .overridden(own)
        } else {
            status = .native
        }
        return Row(op: contract.name, backend: backend.name, status: status, support: support, source: own ?? stock)
    }

    /// A backend's source of an op in a directory of op folders: the file that bears the backend's name, `cpu.c` or `vulkan.comp`.
    static func source(of op: String, for backend: String, in directory: String) -> String? {
        for folder in KernelFolder.opFolders(of: directory).reversed().map({ "\($0)/\(op)" }) {
            guard let files = try? FileManager.default.contentsOfDirectory(atPath: folder) else { continue }
            if let file = files.sorted().first(where: { $0.prefix { $0 != "." } == backend && $0.count > backend.count }) {
                return "\(folder)/\(file)"
            }
        }
        return nil
    }

    package var json: JSON {
        func text(_ value: String) -> JSON { JSON(.string(value)) }
        return [
            "kernels": JSON(
                .array(
                    rows.map { row in
                        var reason: JSON = .null
                        if case .missing(let why) = row.status { reason = text(why) }
                        return [
                            "op": text(row.op), "backend": text(row.backend), "status": text(row.status.name), "reason": reason,
                            "source": row.source.map(text) ?? .null, "contract": text("\(folders[row.op] ?? "")/op.json"),
                            "cases": JSON(.int(Int64(row.support.cases))), "supported_cases": JSON(.int(Int64(row.support.supported))),
                            "dtypes": JSON(
                                .array(
                                    row.support.dtypes.map { dtype in
                                        [
                                            "dtype": text(dtype.dtype.name), "cases": JSON(.int(Int64(dtype.cases))),
                                            "supported_cases": JSON(.int(Int64(dtype.supported))),
                                        ]
                                    })),
                            "refusals": JSON(
                                .array(row.support.reasons.map { ["reason": text($0.reason), "cases": JSON(.int(Int64($0.cases)))] })),
                        ]
                    })),
            "unavailable": JSON(.array(unavailable.map { ["backend": text($0.backend), "reason": text($0.reason)] })),
        ]
    }
}
