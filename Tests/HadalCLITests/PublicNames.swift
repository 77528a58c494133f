import Foundation
import TestSupport

/// The public names of the built modules, by their symbol graphs.
struct PublicNames {
    struct Symbol {
        /// "Engine", "load(_:options:progress:)".
        var path: [String]
        var isType: Bool
        var name: String { path.joined(separator: ".") }
    }

    /// By module: what it declares, in its own types and in extensions of others'.
    private var symbols: [String: [Symbol]] = [:]

    /// Libraries whose names a product offers type by type, in a file of its own.
    static let parts = [
        "HadalCore", "HadalGraph", "HadalFormats", "HadalArchitecture", "HadalBackend", "HadalTemplate", "HadalText", "HadalEngine",
        "HadalHub",
    ]
    static let products = [
        "Hadal", "HadalServing", "HadalConstraints", "HadalPluginKit", "HadalConformance", "HadalKernelTools", "HadalQuantization",
        "HadalCPU",
        "HadalReference", "HadalVulkan",
    ]

    init() throws {
        let folder = try Fixtures.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let target = try Self.run(["-print-target-info"])
        let info = try JSONSerialization.jsonObject(with: Data(target.utf8)) as? [String: Any]
        let triple = (info?["target"] as? [String: Any])?["unversionedTriple"] as? String ?? ""
        var arguments = [
            "-target", triple, "-I", "\(Fixtures.products)/Modules", "-minimum-access-level", "public", "-skip-synthesized-members",
        ]
        arguments += ["-output-dir", folder]
        for folder in try Self.headerFolders() { arguments += ["-I", folder, "-Xcc", "-I\(folder)"] }
        for name in try FileManager.default.contentsOfDirectory(atPath: Fixtures.products) where name.hasSuffix(".build") {
            let map = "\(Fixtures.products)/\(name)/module.modulemap"
            if FileManager.default.fileExists(atPath: map) { arguments += ["-Xcc", "-fmodule-map-file=\(map)"] }
        }
        for module in Self.parts + Self.products {
            _ = try Self.run(["symbolgraph-extract", "-module-name", module] + arguments)
            for file in try FileManager.default.contentsOfDirectory(atPath: folder)
            where file == "\(module).symbols.json" || file.hasPrefix("\(module)@") {
                symbols[module, default: []] += try Self.symbols("\(folder)/\(file)")
            }
        }
    }

    /// Folders of the package's C modules.
    private static func headerFolders() throws -> [String] {
        let root = Fixtures.repository
        let folders = try FileManager.default.contentsOfDirectory(atPath: "\(root)/Sources").map { "\(root)/Sources/\($0)" }
        return (folders.flatMap { [$0, "\($0)/include"] } + ["\(root)/kernels/include"]).filter { folder in
            (try? FileManager.default.contentsOfDirectory(atPath: folder))?.contains { $0.hasSuffix(".h") } == true
        }.sorted()
    }

    private static func run(_ arguments: [String]) throws -> String {
        let run = try CommandRun(["swift"] + arguments, executable: "/usr/bin/env")
        guard run.status == 0 else { throw CommandFailure(text: run.error) }
        return run.out
    }

    private struct CommandFailure: Error { var text: String }

    private static func symbols(_ path: String) throws -> [Symbol] {
        let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any]
        let types = ["swift.struct", "swift.class", "swift.enum", "swift.protocol", "swift.typealias", "swift.actor"]
        return (json?["symbols"] as? [[String: Any]] ?? []).compactMap { symbol in
            guard let path = symbol["pathComponents"] as? [String] else { return nil }
            return Symbol(path: path, isType: types.contains((symbol["kind"] as? [String: Any])?["identifier"] as? String ?? ""))
        }
    }

    /// The types that a product takes over from the libraries below it.
    private static func takenOver(by product: String) throws -> Set<String> {
        let folder = "\(Fixtures.repository)/Sources/\(product)"
        guard let text = try? String(contentsOfFile: "\(folder)/\(product).swift", encoding: .utf8) else { return [] }
        return Set(text.matches(of: /@_exported public import [a-z]+ \w+\.(\w+)/).map { String($0.1) })
    }

    /// What the libraries below declare, in types of theirs and in extensions of one another's.
    private var below: [Symbol] { Self.parts.flatMap { symbols[$0] ?? [] } }

    /// Everything that `import PRODUCT` offers.
    func names(of product: String) throws -> [Symbol] {
        let types = try Self.takenOver(by: product)
        return (symbols[product] ?? []) + below.filter { types.contains($0.path[0]) }
    }

    /// Public names of the libraries below that no product offers.
    func unoffered() throws -> [String] {
        let offered = try Self.products.reduce(into: Set()) { try $0.formUnion(Self.takenOver(by: $1)) }
        return below.filter { !offered.contains($0.path[0]) }.map(\.name)
    }
}
