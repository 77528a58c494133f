import Foundation
import TestSupport
import Testing

/// What the libraries offer to others is what `Tests/Fixtures/api` lists: docs/public-api.md says what that means. `HADAL_WRITE_DOCS=1`
/// writes the lists again.
@Suite("The public names")
struct PublicNamesTests {
    private static let all = Result { try PublicNames() }

    @Test("of each product are those of its list", arguments: PublicNames.products)
    func list(_ product: String) throws {
        let names = try Set(Self.all.get().names(of: product).map(\.name))
        let path = Fixtures.path("api/\(product).txt")
        if ProcessInfo.processInfo.environment["HADAL_WRITE_DOCS"] == "1" {
            try (names.sorted().joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        }
        let listed = try Set(String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init))
        #expect(names.subtracting(listed).sorted() == [], "new: HADAL_WRITE_DOCS=1 lists them")
        #expect(listed.subtracting(names).sorted() == [], "gone, which breaks programs: see docs/public-api.md")
    }

    @Test("are all offered by a product, and `import Hadal` offers 60 to 80 types")
    func face() throws {
        let all = try Self.all.get()
        #expect(try all.unoffered() == [])
        let types = try all.names(of: "Hadal").filter(\.isType)
        #expect((60...80).contains(types.count), "\(types.count): \(types.map(\.name).sorted())")
        for name in ["JSON", "SHA256", "Buffer", "Device", "Graph", "Segment", "Backend"] {
            #expect(!types.contains { $0.path[0] == name }, "\(name)")
        }
    }
}

/// The command is written with what an application has. What it needs beyond that is listed here, file by file.
@Suite("The command's imports")
struct CommandImportTests {
    /// Hadal's own modules that any file may import: the application's, and HadalCore for JSON, byte counts and errors as text.
    private static let everywhere: Set<String> = ["Hadal", "HadalCore"]

    /// Commands for those who develop models, kernels and backends, which show what lies below the application's names.
    private static let further: [(files: [String], modules: Set<String>)] = [
        (
            ["Commands/Kernels/", "Support/Kernels/", "Support/BenchCeilings.swift"],
            ["HadalKernelTools", "HadalConformance", "HadalGraph", "HadalBackend"]
        ),
        (["Commands/PluginCommand.swift"], ["HadalConformance", "HadalBackend"]),
        (
            ["Commands/ArchCommand.swift", "Commands/InspectCommand.swift", "Support/GraphListing.swift"],
            ["HadalArchitecture", "HadalGraph", "HadalFormats"]
        ),
        (["Commands/TraceCommand.swift", "Support/OpTimes.swift"], ["HadalKernelTools", "HadalGraph", "HadalBackend"]),
        (["Commands/TemplateCommand.swift"], ["HadalTemplate", "HadalText"]),
        (["Commands/SynthCommand.swift"], ["HadalSynthesis", "HadalFormats"]),
        (["Commands/TokenCommands.swift"], ["HadalFormats"]),
        (["Commands/BenchCommand.swift", "Commands/EvalCommand.swift"], ["HadalEngine", "HadalFormats"]),
        // Hidden states, and the files that they are written to.
        (
            ["Commands/EmbedCommand.swift", "Commands/RerankCommand.swift", "Support/EncoderArguments.swift"],
            ["HadalEngine", "HadalFormats"]
        ),
        (["Commands/QuantizeCommand.swift"], ["HadalQuantization"]),
        (["Support/BackendListing.swift"], ["HadalBackend"]),
        (["Commands/CacheCommand.swift", "Support/CacheListing.swift"], ["HadalCache"]),
        (["Support/StreamFigures.swift"], ["HadalServing"]),
        (["Support/ConstraintArguments.swift"], ["HadalConstraints"]),
        // What --offline takes from the process, and what that got.
        (
            ["Commands/ChatCommand.swift", "Commands/DoctorCommand.swift", "Support/OfflineArguments.swift", "Support/SealListing.swift"],
            ["HadalSandbox"]
        ),
        (["Commands/ServeCommand.swift"], ["HadalHistory", "HadalSandbox", "HadalServer", "HadalServing"]),
        (["Support/KeyFile.swift"], ["HadalServer"]),
        // The manifest of `models --verify`.
        (["Commands/ModelCommands.swift", "Support/ManifestListing.swift"], ["HadalHub"]),
        // The watcher of `--live-kernels`, its check in a process of its own, and the ceilings that doctor measures.
        (
            [
                "Commands/RunCommand.swift", "Commands/ChatCommand.swift", "Commands/VerdictCommand.swift", "Commands/DoctorCommand.swift",
                "Support/LiveKernelArguments.swift",
            ],
            ["HadalKernelTools"]
        ),
    ]

    /// The server is an application: it has the library's names, JSON and texts, and modules of its own.
    @Test func ofTheServerAreThoseOfAnApplication() throws {
        let folder = "\(Fixtures.repository)/Sources/HadalServer"
        let allowed: Set = ["Hadal", "HadalServing", "HadalConstraints", "HadalCore", "HadalHistory"]
        var used: Set<String> = []
        for file in try FileManager.default.subpathsOfDirectory(atPath: folder) where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            let imports = Set(text.matches(of: /(?m)^(?:@\w+ )*(?:\w+ )?import (?:\w+ )?(C?Hadal\w*)/).map { String($0.1) })
            #expect(imports.subtracting(allowed).sorted() == [], "\(file)")
            used.formUnion(imports)
        }
        #expect(used.contains("Hadal") && used.contains("HadalServing"))
    }

    @Test func areThoseOfAnApplication() throws {
        let folder = "\(Fixtures.repository)/Sources/HadalCLI"
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
        #expect(files.count > 40)
        var used: Set<String> = []
        for file in files {
            let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            let imports = text.matches(of: /(?m)^(?:@\w+ )*(?:\w+ )?import (?:\w+ )?(C?Hadal\w*)/).map { String($0.1) }
            let rules = Self.further.filter { $0.files.contains { file.hasPrefix($0) } }
            let allowed = rules.reduce(Self.everywhere) { $0.union($1.modules) }
            #expect(Set(imports).subtracting(allowed).sorted() == [], "\(file)")
            for rule in rules { used.formUnion(Set(imports).intersection(rule.modules).map { "\(rule.files[0]): \($0)" }) }
        }
        let listed = Set(Self.further.flatMap { rule in rule.modules.map { "\(rule.files[0]): \($0)" } })
        #expect(listed.subtracting(used).sorted() == [], "no longer needed")
    }
}
