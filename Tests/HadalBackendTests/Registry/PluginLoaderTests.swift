import Foundation
import HadalBackend
import HadalCore
import TestSupport
import Testing

/// What the loader refuses, and in which words, before it calls anything but the query.
@Suite(.enabled(if: Compiler.c != nil, "needs a C compiler"))
struct PluginLoaderTests {
    private func refuses(_ code: HadalError.Code, _ part: String, _ defines: [String]) throws {
        let folder = try PluginFolder()
        let path = try folder.variant(defines.joined(separator: "-").filter(\.isLetter) + ".so", defines)
        expectError(code, part) { try PluginLoader.load(path: path) }
    }

    @Test func loadsAGoodPlugin() throws {
        let folder = try PluginFolder()
        let plugin = try PluginLoader.load(path: folder.variant("good.so", ["CAPABILITIES=36"]))
        #expect(plugin.name == "variant")
        #expect(plugin.version == "0.1")
        #expect(plugin.abiVersion == 1)
        #expect(plugin.abiRange == 1...1)
        #expect(plugin.capabilities == [.multiNode, .symbolicDims])
    }

    @Test func olderABI() throws {
        try refuses(
            .unsupported, "speaks ABI version 0 and this host version 1 (rebuild",
            ["ABI_MINIMUM=0", "ABI_MAXIMUM=0", "CHOSEN=0", "NULL_TABLE"])
    }

    @Test func newerABI() throws {
        try refuses(
            .unsupported, "speaks ABI versions 2 to 9 and this host version 1 (it needs a newer Hadal)",
            ["ABI_MINIMUM=2", "ABI_MAXIMUM=9", "CHOSEN=0", "NULL_TABLE"])
    }

    @Test func overlappingRangesAreCompatible() throws {
        let folder = try PluginFolder()
        let plugin = try PluginLoader.load(path: folder.variant("wide.so", ["ABI_MINIMUM=0", "ABI_MAXIMUM=9"]))
        #expect(plugin.abiVersion == 1)
        #expect(plugin.abiRange == 0...9)
    }

    @Test func brokenAnswers() throws {
        try refuses(.malformed, "chose ABI version 3", ["ABI_MAXIMUM=9", "CHOSEN=3"])
        try refuses(.malformed, "5 to 2", ["ABI_MINIMUM=5", "ABI_MAXIMUM=2"])
        try refuses(.malformed, "without a function table", ["NULL_TABLE"])
        try refuses(.malformed, "'Two Words' is not legal", ["NAME=\"Two Words\""])
        try refuses(.malformed, "'' is not legal", ["NAME=\"\""])
        try refuses(.malformed, "has no name", ["NAME=NULL"])
        try refuses(.unsupported, "lacks the required function compile", ["NO_COMPILE"])
        try refuses(.unsupported, "close_device", ["NO_CLOSE"])
        try refuses(.malformed, "has no name", ["TABLE_SIZE=8"])
        try refuses(.unsupported, "lacks the required function execute", ["TABLE_SIZE=offsetof(hadal_plugin,execute)"])
        try refuses(.malformed, "option 'depth' has a default that is 99.0, more than the most, 16.0", ["BAD_OPTION"])
    }

    @Test func withoutTheQuery() throws { try refuses(.unsupported, "does not export hadal_plugin_query", ["NO_QUERY"]) }

    @Test func missingDependency() throws {
        let folder = try PluginFolder()
        let other = folder.file("libhadalother.so")
        try Data("int other_function(void) { return 1; }".utf8).write(to: URL(fileURLWithPath: folder.file("other.c")))
        let built = try Compiler.run(try #require(Compiler.c), ["-shared", "-fPIC", folder.file("other.c"), "-o", other])
        #expect(built.status == 0)
        let path = try folder.variant("dependent.so", ["NEEDS_OTHER"], ["-L\(folder.path)", "-lhadalother"])
        try FileManager.default.removeItem(atPath: other)
        expectError(.unsupported, "libhadalother.so", "cannot open shared object file") { try PluginLoader.load(path: path) }
    }

    @Test func undefinedSymbol() throws {
        let folder = try PluginFolder()
        let path = try folder.variant("undefined.so", ["NEEDS_OTHER"])
        expectError(.unsupported, "other_function") { try PluginLoader.load(path: path) }
    }

    /// Every length: the dynamic linker alone would take SIGBUS for many of them.
    @Test func truncatedAnywhere() throws {
        let folder = try PluginFolder()
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.variant("whole.so")))
        let path = folder.file("cut.so")
        for length in stride(from: 0, to: whole.count, by: max(1, whole.count / 97)) {
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            let text = expectError(.malformed) { try PluginLoader.load(path: path) }?.message ?? ""
            #expect(text.contains("truncated") || text.contains("not a shared library"), "\(length): \(text)")
        }
    }

    @Test func headersThatLie() throws {
        let folder = try PluginFolder()
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.variant("whole.so")))
        // Offset and size fields of the ELF header, set to the largest numbers.
        for (offset, count) in [(32, 8), (40, 8), (54, 2), (56, 2), (58, 2), (60, 2)] {
            var data = whole
            for i in offset..<offset + count { data[i] = 0xFF }
            let path = folder.file("lie\(offset).so")
            try data.write(to: URL(fileURLWithPath: path))
            expectError(.malformed, path) { try PluginLoader.load(path: path) }
        }
    }

    @Test func notALibrary() throws {
        let folder = try PluginFolder()
        try Data(repeating: 0x41, count: 4096).write(to: URL(fileURLWithPath: folder.file("text.so")))
        expectError(.malformed, "no ELF header") { try PluginLoader.load(path: folder.file("text.so")) }
        expectError(.notFound, "No such file") { try PluginLoader.load(path: folder.file("nothing.so")) }
        expectError(.io, "not a regular file") { try PluginLoader.load(path: folder.path) }
        expectError(.unsupported, "/proc/self/exe") { try PluginLoader.load(path: "/proc/self/exe") }
    }
}
