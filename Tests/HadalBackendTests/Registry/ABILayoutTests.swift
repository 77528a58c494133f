import CHadalPlugin
import Foundation
import HadalBackend
import HadalCore
import HadalGraph
import Testing
import TestSupport

/// The plugin ABI is frozen: version 1 stays as `Tests/Fixtures/abi/version-1.txt` says. A struct may grow at its end, which adds
/// lines to the end of the file (`hadal_weight/grown`); no line that is there may change.
@Suite(.enabled(if: Compiler.c != nil, "needs a C compiler"))
struct ABILayoutTests {
    private static let golden = (try? String(contentsOfFile: Fixtures.path("abi/version-1.txt"), encoding: .utf8)) ?? ""

    private func compile(_ compiler: String?, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let outcome = try Compiler.run(try #require(compiler), arguments)
        #expect(outcome.status == 0, "\(outcome.output)", sourceLocation: sourceLocation)
    }

    @Test func layoutIsFrozen() throws {
        let folder = try PluginFolder()
        try compile(Compiler.c, ["-std=c11", "-I", Compiler.header, Fixtures.path("abi/layout.c"), "-o", folder.file("layout")])
        let printed = try Compiler.run(folder.file("layout"), []).output
        #expect(printed == Self.golden)
    }

    /// Fields follow each other without a gap: none is missing from the golden file, and no padding is left to chance.
    @Test func goldenCoversEveryByte() throws {
        var structure = ""
        var end = 0
        var sizes: [String: Int] = [:]
        func close() { if !structure.isEmpty { #expect(sizes[structure] == end, "\(structure)") } }
        for line in Self.golden.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.count == 4 {
                close()
                structure = words[0]
                let grown = structure.split(separator: "/").map(String.init)
                // What was added begins where the struct ended.
                end = grown.count == 2 ? sizes[grown[0]] ?? -1 : 0
                sizes[structure] = Int(words[1])
            } else if words.count == 3, let offset = Int(words[1]), let size = Int(words[2]) {
                #expect(words[0].hasPrefix((structure.split(separator: "/").first ?? "") + "."))
                #expect(offset == end, "\(words[0])")
                end = offset + size
            }
        }
        close()
        let grown = sizes.keys.filter { $0.hasSuffix("/grown") }.count
        #expect(sizes.count - grown == 25)
        let header = try String(contentsOfFile: "\(Compiler.header)/hadal_plugin.h", encoding: .utf8)
        #expect(header.components(separatedBy: "typedef struct").count - 1 == sizes.count - grown + 3)  // and three opaque ones
    }

    @Test func swiftSeesTheSameLayout() throws {
        #expect(MemoryLayout<hadal_plugin>.size == 232)
        #expect(MemoryLayout<hadal_plugin>.offset(of: \.buffer_host_pointer) == 192)
        #expect(MemoryLayout<hadal_execution>.offset(of: \.cancel) == 64)
        #expect(MemoryLayout<hadal_weight>.offset(of: \.scale_dims) == 96)
    }

    @Test func numbersAgreeWithSwift() throws {
        var dtypes: [String: UInt32] = [:]
        var symbols: [String: UInt32] = [:]
        for line in Self.golden.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 2 else { continue }
            if words[0].hasPrefix("HADAL_DTYPE_") { dtypes[String(words[0].dropFirst(12))] = UInt32(words[1]) }
            if words[0].hasPrefix("HADAL_SYMBOL_") { symbols[String(words[0].dropFirst(13))] = UInt32(words[1]) }
        }
        #expect(dtypes == Dictionary(uniqueKeysWithValues: DType.allCases.map { ($0.name, $0.rawValue) }))
        symbols["NONE"] = nil
        #expect(symbols == Dictionary(uniqueKeysWithValues: Dim.Symbol.allCases.map { ("\($0)".uppercased(), $0.rawValue) }))
        #expect(BackendCapabilities.symbolicDims.rawValue == UInt64(HADAL_CAPABILITY_SYMBOLIC_DIMS))
        #expect(BackendCapabilities.stableSteps.rawValue == UInt64(HADAL_CAPABILITY_STABLE_STEPS))
        #expect(BackendCapabilities.liveKernels.rawValue == UInt64(HADAL_CAPABILITY_LIVE_KERNELS))
    }

    @Test(arguments: ["c99", "c11"]) func headerIsStandaloneC(standard: String) throws {
        let folder = try PluginFolder()
        try Data("#include \"hadal_plugin.h\"\n".utf8).write(to: URL(fileURLWithPath: folder.file("only.c")))
        try compile(
            Compiler.c,
            ["-std=\(standard)", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", Compiler.header, folder.file("only.c")])
    }

    @Test(.enabled(if: Compiler.cxx != nil, "needs a C++ compiler")) func headerIsStandaloneCxx() throws {
        let folder = try PluginFolder()
        let text = """
            #include "hadal_plugin.h"
            static bool has(const hadal_error *error) { return HADAL_HAS(error, hadal_error, bytes_free); }
            int main() { hadal_error e = {}; return has(&e) ? HADAL_AT(hadal_error, &e, sizeof e, 0)->code : 0; }

            """
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("only.cpp")))
        try compile(
            Compiler.cxx,
            [
                "-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-fsyntax-only", "-I", Compiler.header,
                folder.file("only.cpp"),
            ])
    }
}
