import Foundation
import HadalBackend
import HadalCore
import Testing

/// What the loader refuses, and in which words, before it calls anything but the query.
@Suite(.enabled(if: Compiler.c != nil, "needs a C compiler"))
struct PluginLoaderTests {
    private func reason(_ path: String) -> String {
        do {
            _ = try PluginLoader.load(path: path)
            return "loaded"
        } catch { return "\(error)" }
    }

    private func reason(_ defines: [String]) throws -> String {
        let folder = try PluginFolder()
        return reason(try folder.variant(defines.joined(separator: "-").filter(\.isLetter) + ".so", defines))
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
        let text = try reason(["ABI_MINIMUM=0", "ABI_MAXIMUM=0", "CHOSEN=0", "NULL_TABLE"])
        #expect(text.contains("speaks ABI version 0 and this host version 1"))
        #expect(text.contains("rebuild"))
    }

    @Test func newerABI() throws {
        let text = try reason(["ABI_MINIMUM=2", "ABI_MAXIMUM=9", "CHOSEN=0", "NULL_TABLE"])
        #expect(text.contains("speaks ABI versions 2 to 9 and this host version 1"))
        #expect(text.contains("newer Hadal"))
    }

    @Test func overlappingRangesAreCompatible() throws {
        let folder = try PluginFolder()
        let plugin = try PluginLoader.load(path: folder.variant("wide.so", ["ABI_MINIMUM=0", "ABI_MAXIMUM=9"]))
        #expect(plugin.abiVersion == 1)
        #expect(plugin.abiRange == 0...9)
    }

    @Test func brokenAnswers() throws {
        #expect(try reason(["ABI_MAXIMUM=9", "CHOSEN=3"]).contains("chose ABI version 3"))
        #expect(try reason(["ABI_MINIMUM=5", "ABI_MAXIMUM=2"]).contains("5 to 2"))
        #expect(try reason(["NULL_TABLE"]).contains("without a function table"))
        #expect(try reason(["NAME=\"Two Words\""]).contains("'Two Words' is not legal"))
        #expect(try reason(["NAME=\"\""]).contains("not legal"))
        #expect(try reason(["NAME=NULL"]).contains("has no name"))
        #expect(try reason(["NO_COMPILE"]).contains("lacks the required function compile"))
        #expect(try reason(["NO_CLOSE"]).contains("close_device"))
        #expect(try reason(["TABLE_SIZE=8"]).contains("has no name"))
        #expect(try reason(["TABLE_SIZE=offsetof(hadal_plugin,execute)"]).contains("lacks the required function execute"))
        #expect(try reason(["BAD_OPTION"]).contains("option 'depth' has a default that is 99.0, more than the most, 16.0"))
    }

    @Test func withoutTheQuery() throws { #expect(try reason(["NO_QUERY"]).contains("does not export hadal_plugin_query")) }

    @Test func missingDependency() throws {
        let folder = try PluginFolder()
        let other = folder.file("libhadalother.so")
        try Data("int other_function(void) { return 1; }".utf8).write(to: URL(fileURLWithPath: folder.file("other.c")))
        let built = try Compiler.run(try #require(Compiler.c), ["-shared", "-fPIC", folder.file("other.c"), "-o", other])
        #expect(built.status == 0)
        let path = try folder.variant("dependent.so", ["NEEDS_OTHER"], ["-L\(folder.path)", "-lhadalother"])
        try FileManager.default.removeItem(atPath: other)
        let text = reason(path)
        #expect(text.contains("libhadalother.so") && text.contains("cannot open shared object file"))
    }

    @Test func undefinedSymbol() throws {
        let folder = try PluginFolder()
        #expect(reason(try folder.variant("undefined.so", ["NEEDS_OTHER"])).contains("other_function"))
    }

    /// Every length: the dynamic linker alone would take SIGBUS for many of them.
    @Test func truncatedAnywhere() throws {
        let folder = try PluginFolder()
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.variant("whole.so")))
        let path = folder.file("cut.so")
        for length in stride(from: 0, to: whole.count, by: max(1, whole.count / 97)) {
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            let text = reason(path)
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
            #expect(reason(path) != "loaded", "field at \(offset)")
        }
    }

    @Test func notALibrary() throws {
        let folder = try PluginFolder()
        try Data(repeating: 0x41, count: 4096).write(to: URL(fileURLWithPath: folder.file("text.so")))
        #expect(reason(folder.file("text.so")).contains("no ELF header"))
        #expect(reason(folder.file("nothing.so")).contains("No such file"))
        #expect(reason(folder.path).contains("not a regular file"))
        #expect(reason("/proc/self/exe") != "loaded")
    }
}
