import Foundation
import HadalBackend
import HadalCore
import Testing
import TestSupport

/// What is found where, what is not usable and why, and what a user who asks for the wrong thing reads.
@Suite(.enabled(if: Compiler.c != nil, "needs a C compiler"))
struct BackendRegistryTests {
    private func registry(_ paths: [String] = [], search: String? = nil, install: [String] = [], expected: [String] = []) -> BackendRegistry
    {
        BackendRegistry(pluginPaths: paths, searchPath: search, installDirectories: install, expected: expected)
    }

    @Test func oneFolderWithEverythingInIt() throws {
        let folder = try PluginFolder()
        try folder.variant("libhadal-good.so", ["NAME=\"good\""])
        try folder.variant("libhadal-old.so", ["ABI_MINIMUM=0", "ABI_MAXIMUM=0", "CHOSEN=0", "NULL_TABLE"])
        try folder.variant("libhadal-new.so", ["ABI_MINIMUM=2", "ABI_MAXIMUM=9", "CHOSEN=0", "NULL_TABLE"])
        try folder.variant("libhadal-nothing.so", ["NO_QUERY"])
        try folder.variant("libhadal-copy.so", ["NAME=\"good\""])
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file("libhadal-good.so")))
        try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: folder.file("libhadal-cut.so")))
        try Data().write(to: URL(fileURLWithPath: folder.file("libhadal-empty.so")))
        try FileManager.default.createDirectory(atPath: folder.file("libhadal-folder.so"), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: folder.file("libhadal-dangling.so"), withDestinationPath: "/nonexistent/file")
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("libhadal-same.so"), withDestinationPath: folder.file("libhadal-good.so"))
        try Data("notes".utf8).write(to: URL(fileURLWithPath: folder.file("README.md")))
        mkfifo(folder.file("libhadal-pipe.so"), 0o600)

        let (available, unavailable) = registry([folder.path]).list()
        #expect(available.map(\.backend.name) == ["good"])
        #expect(available[0].plugin?.path == folder.file("libhadal-good.so"))
        let reasons = Dictionary(
            uniqueKeysWithValues: unavailable.map { ($0.path?.split(separator: "/").last.map(String.init) ?? "", $0.reason) })
        func expect(_ file: String, _ text: String) {
            #expect(reasons[file]?.contains(text) == true, "\(file): \(reasons[file] ?? "not listed")")
        }
        expect("libhadal-old.so", "speaks ABI version 0 and this host version 1")
        expect("libhadal-new.so", "speaks ABI versions 2 to 9 and this host version 1")
        expect("libhadal-nothing.so", "does not export hadal_plugin_query")
        expect("libhadal-cut.so", "truncated")
        expect("libhadal-empty.so", "not a shared library")
        expect("libhadal-folder.so", "not a regular file")
        expect("libhadal-pipe.so", "not a regular file")
        expect("libhadal-dangling.so", "No such file")
        expect(
            "libhadal-copy.so",
            "duplicate name 'good': '\(folder.file("libhadal-copy.so"))' and '\(folder.file("libhadal-good.so"))' both claim it")
        // A link to a plugin is that plugin, not another of its name.
        #expect(reasons.count == 9, "\(reasons.keys.sorted())")
    }

    @Test func namedFoldersComeFirst() throws {
        let (first, second, own) = (try PluginFolder(), try PluginFolder(), try PluginFolder())
        let a = try first.variant("libhadal-same.so", ["NAME=\"same\""])
        let b = try second.variant("libhadal-same.so", ["NAME=\"same\""])
        try own.variant("libhadal-same.so", ["NAME=\"same\""])
        func path(_ registry: BackendRegistry) throws -> String? { (try registry.backend(named: "same") as? PluginBackend)?.plugin.path }
        #expect(try path(registry([first.path], search: second.path, install: [own.path])) == a)
        #expect(try path(registry(search: ":\(second.path)::\(first.path)", install: [own.path])) == b)
        let (available, unavailable) = registry([first.path], search: second.path, install: [own.path]).list()
        #expect(available.count == 1 && unavailable.count == 2)
    }

    @Test func lookupAndListingAgree() throws {
        let folder = try PluginFolder()
        // The file that bears the name wins over one that sorts before it.
        try folder.variant("libhadal-aaa.so", ["NAME=\"zzz\""])
        let bearer = try folder.variant("libhadal-zzz.so", ["NAME=\"zzz\""])
        #expect((try registry([folder.path]).backend(named: "zzz") as? PluginBackend)?.plugin.path == bearer)
        let (available, unavailable) = registry([folder.path]).list()
        #expect(available.map { $0.plugin?.path } == [bearer])
        #expect(unavailable.map(\.path) == [folder.file("libhadal-aaa.so")])
    }

    @Test func otherFileNamesOnlyWhereTheUserSaid() throws {
        let folder = try PluginFolder()
        let file = try folder.variant("mine.so", ["NAME=\"mine\""])
        try folder.variant("unrelated.so", ["NO_QUERY"])
        let named = registry([folder.path]).list()
        #expect(named.available.map(\.backend.name) == ["mine"] && named.unavailable.isEmpty)
        #expect(registry([file]).list().available.map(\.backend.name) == ["mine"])
        #expect(registry(install: [folder.path]).list().available.isEmpty)
        #expect(registry(["\(folder.path)/nosuch"]).list().unavailable.first?.reason.contains("No such file") == true)
        #expect(registry(install: ["\(folder.path)/nosuch"]).list().unavailable.isEmpty)
    }

    @Test func aBrokenFileGivesWayToAnother() throws {
        let (first, second) = (try PluginFolder(), try PluginFolder())
        try Data("broken".utf8).write(to: URL(fileURLWithPath: first.file("libhadal-x.so")))
        let good = try second.variant("libhadal-x.so", ["NAME=\"x\""])
        #expect((try registry([first.path, second.path]).backend(named: "x") as? PluginBackend)?.plugin.path == good)
    }

    @Test func askingForWhatIsNotThere() throws {
        let folder = try PluginFolder()
        try folder.variant("libhadal-good.so", ["NAME=\"good\""])
        try Data("broken".utf8).write(to: URL(fileURLWithPath: folder.file("libhadal-bad.so")))
        let registry = registry(install: [folder.path], expected: ["cpu", "good"])
        expectError(.notFound, "there is no backend 'nosuch'", "libhadal-nosuch.so", "available: good", "unavailable: bad (") {
            try registry.backend(named: "nosuch")
        }
        expectError(.notFound, "backend 'bad' is not available", "libhadal-bad.so: not a shared library") {
            try registry.backend(named: "bad")
        }
        // A backend that every installation has, whose file is gone.
        expectError(.notFound, "backend 'cpu' is not available: its file libhadal-cpu.so is in none of \(folder.path)") {
            try registry.backend(named: "cpu")
        }
        #expect(registry.list().unavailable.contains { $0.name == "cpu" && $0.path == nil })
        for name in ["", "../good", "good/", "GOOD"] { expectError(.notFound, "'\(name)'") { try registry.backend(named: name) } }
    }

    @Test func devicesByIndexIdAndName() throws {
        let registry = registry()
        try registry.register(SampleBackend())
        #expect(try registry.resolve("sample").deviceIndex == 0)
        #expect(try registry.resolve("sample:1").device.id == "soft")
        #expect(try registry.resolve("sample:soft").deviceIndex == 1)
        #expect(try registry.resolve("sample:0000:01:00.0").deviceIndex == 0)
        #expect(try registry.resolve("sample:Größe").deviceIndex == 0)
        expectError(.notFound, "no device '2'", "0: Größe [0000:01:00.0], 1: soft") { try registry.resolve("sample:2") }
        #expect(try registry.resolve("sample:1").open().info.id == "soft")
    }

    @Test func registeredBackendsComeFirst() throws {
        let folder = try PluginFolder()
        try folder.variant("libhadal-sample.so", ["NAME=\"sample\""])
        let registry = registry([folder.path])
        try registry.register(SampleBackend())
        #expect(try registry.backend(named: "sample") is SampleBackend)
        expectError(.invalidArgument, "registered already") { try registry.register(SampleBackend()) }
        expectError(.invalidArgument, "not a legal name") { try registry.register(SampleBackend(name: "Bad Name")) }
        #expect(registry.list().unavailable.first?.reason.contains("a backend that is part of the program") == true)
    }

    @Test func describesItselfAsJSON() throws {
        let folder = try PluginFolder()
        try folder.variant("libhadal-good.so", ["NAME=\"good\"", "CAPABILITIES=100"])
        let registry = registry([folder.path], expected: ["cpu"])
        try registry.register(SampleBackend())
        try registry.register(SampleBackend(name: "failing"))
        let json = registry.json()
        let backends = try #require(json["backends"]?.array)
        #expect(backends.map { $0["name"]?.string } == ["sample", "failing", "good"])
        #expect(backends[0]["path"]?.isNull == true && backends[2]["path"]?.string == folder.file("libhadal-good.so"))
        #expect(backends[2]["abi"] == ["agreed": 1, "minimum": 1, "maximum": 1])
        #expect(backends[2]["capabilities"] == ["multi_node", "symbolic_dims", "bit_6"])
        #expect(
            backends[2]["options"] == [
                ["name": "width", "type": "int", "default": 4, "minimum": 1, "maximum": 16, "help": "how wide"],
                ["name": "mode", "type": "string", "default": "low", "choices": ["low", "high"], "help": "which way"],
            ])
        #expect(backends[2]["devices"]?.array?.count == 12)
        #expect(backends[0]["devices"]?.array?[0]["dtypes"] == ["F32", "Q4_K", "F8_E4M3"])
        #expect(backends[1]["devices"] == [] && backends[1]["devices_error"]?.string == "the bus is gone")
        #expect(json["unavailable"]?.array?.first?["name"] == "cpu")
        #expect(json["abi"] == ["minimum": 1, "maximum": 1])
        #expect(json["directories"] == [JSON(.string(folder.path))])
    }
}
