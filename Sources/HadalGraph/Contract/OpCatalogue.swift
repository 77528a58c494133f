import Foundation
import HadalCore
import HadalKernelFiles

/// The ops that graphs may use, each with its contract.
///
/// Immutable; built once and shared. An op added in a folder of the user's own needs no rebuild.
package struct OpCatalogue: Sendable {
    package private(set) var contracts: [String: OpContract] = [:]

    package init() {}

    /// The installation's own ops, then those of `folders`, which replace ops of the same name.
    ///
    /// - Throws: when no kernel folder is found, or a contract does not parse.
    package static func load(adding folders: [String] = []) throws -> OpCatalogue {
        guard let own = installationFolder else {
            throw HadalError(
                .notFound, "the kernels folder of this installation is missing",
                hint: "looked in \(KernelFolder.candidates.joined(separator: ", "))")
        }
        var catalogue = OpCatalogue()
        for folder in [own] + folders { try catalogue.add(folder: folder) }
        return catalogue
    }

    /// The installation's own ops, read once by this process.
    ///
    /// - Throws: as `load`.
    package static func installed() throws -> OpCatalogue { try own.get() }

    private static let own = Result { try load() }

    /// The kernel directory of the installation; nil when it is missing.
    package static var installationFolder: String? { KernelFolder.candidates.first { FileManager.default.fileExists(atPath: $0) } }

    /// Adds every `<op>/op.json` and `ops/<op>/op.json` of a kernel directory.
    package mutating func add(folder: String) throws {
        for place in KernelFolder.opFolders(of: folder) {
            guard let entries = try? FileManager.default.contentsOfDirectory(atPath: place) else {
                if place != folder { continue }
                throw HadalError(.notFound, "cannot list the kernel folder", at: SourcePlace(folder))
            }
            for entry in entries.sorted() {
                let path = "\(place)/\(entry)/op.json"
                guard FileManager.default.fileExists(atPath: path) else { continue }
                var contract = try OpContract(contentsOf: path)
                guard contract.name == entry else {
                    throw HadalError(
                        .mismatch, "the contract names op '\(contract.name)' but its folder is '\(entry)'", at: SourcePlace(path))
                }
                if let before = contracts[entry] { contract.inherit(from: before) }
                contracts[entry] = contract
            }
        }
    }

    package func contract(for op: String) throws -> OpContract {
        if let contract = contracts[op] { return contract }
        throw HadalError(.notFound, "unknown op '\(op)'", hint: "known ops: \(contracts.keys.sorted().joined(separator: ", "))")
    }
}
