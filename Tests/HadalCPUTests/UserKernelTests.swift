import CHadalKernels
import CHadalPlugin
import Foundation
import HadalBackend
import HadalConformance
import HadalCore
import HadalGraph
import HadalReference
import TestSupport
import Testing

@testable import HadalCPU

/// Kernels that are compiled at run time.
@Suite(.enabled(if: KernelDirectory.compiler != nil, "needs a C compiler"))
struct UserKernelTests {
    /// A cache of its own, so that no test sees what another has left.
    private func options(_ directories: [KernelDirectory], cache: KernelDirectory, _ more: [String: OptionValue] = [:]) -> [String:
        OptionValue]
    {
        var options: [String: OptionValue] = [
            "kernels": .string(directories.map(\.path).joined(separator: ":")), "kernel-cache": .string(cache.path), "threads": .int(2),
        ]
        for (name, value) in more { options[name] = value }
        return options
    }

    private func check(_ op: String, _ directories: [KernelDirectory], _ options: [String: OptionValue]) throws -> ConformanceReport.Op {
        let catalogue = try OpCatalogue.load(adding: directories.reversed().map(\.path))
        let reference = try ReferenceBackend().open(device: 0, options: ["kernels": options["kernels"] ?? .string("")], log: .silent)
        let backend = CPUBackend()
        let device = try backend.open(device: 0, options: options, log: .silent)
        defer { device.quiesce() }
        let kit = ConformanceKit(
            catalogue: catalogue, reference: reference, options: .init(seed: 4, casesPerOp: 12, ops: [op], failuresPerOp: 1))
        return try #require(kit.check(device, capabilities: backend.capabilities).first)
    }

    private func fault(_ op: ConformanceReport.Op) -> String { op.failures.first.map { "\($0.kind) \($0.message)" } ?? "none" }

    @Test("an op of the user's own runs and agrees with its expression", arguments: InstructionSet.onThisMachine)
    func newOp(isa: InstructionSet) throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        let result = try check("relu2_gate", [directory], options([directory], cache: cache, ["isa": .string(isa.name)]))
        #expect(result.status == .pass && result.cases >= 12, "\(fault(result)) \(result.unsupported)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).filter { $0.hasSuffix(".so") }.count == 1)
    }

    @Test(
        "the op with a state of docs/kernels.md, and the scripted model's, compile and run the same for every number of threads and in every step",
        arguments: InstructionSet.onThisMachine, ["kernels/causal_conv", "scripted/scripted"])
    func opWithState(isa: InstructionSet, folder: String) throws {
        let (directory, cache) = (try KernelDirectory(), try KernelDirectory())
        let op = (folder as NSString).lastPathComponent
        try FileManager.default.copyItem(atPath: Fixtures.path(folder), toPath: "\(directory.path)/\(op)")
        let device = try CPUBackend().open(device: 0, options: options([directory], cache: cache, ["isa": .string(isa.name)]), log: .silent)
        defer { device.quiesce() }
        let catalogue = try OpCatalogue.load(adding: [directory.path])
        let kit = ConformanceKit(
            catalogue: catalogue, reference: device, options: .init(seed: 4, casesPerOp: 12, ops: [op], failuresPerOp: 1))
        let result = try #require(kit.check(device, capabilities: CPUBackend().capabilities).first)
        #expect(result.status == .pass && result.cases >= 6, "\(fault(result)) \(result.unsupported)")
    }

    @Test("inputs that a contract has appended go to a kernel of their own, which runs first")
    func append() throws {
        let (plain, directory, cache) = (try KernelDirectory(), try KernelDirectory(), try KernelDirectory())
        for folder in [plain, directory] {
            try FileManager.default.copyItem(atPath: Fixtures.path("kernels/causal_conv"), toPath: "\(folder.path)/causal_conv")
        }
        try directory.edit("causal_conv/op.json", "\"reference\": \"cpu\",", "\"reference\": \"cpu\",\n  \"cpu\": {\"append\": [\"x\"]},")
        let store =
            "                cache_store(past->dtype, cache_row(past, args->step, sequence, 0, position) + from * size, x + row * width + from, n);\n"
        try directory.edit("causal_conv/cpu.c", store, "")
        try directory.edit(
            "causal_conv/cpu.c", "*x = args->inputs[0].data, *weight = args->inputs[1].data, *bias = args->inputs[2].data;",
            "*weight = args->inputs[0].data, *bias = args->inputs[1].data;")
        try directory.edit("causal_conv/cpu.c", "taps = args->inputs[1].columns", "taps = args->inputs[0].columns")
        try directory.edit(
            "causal_conv/cpu.c", "HADAL_EXPORT_KERNEL(causal_conv, 0)",
            "HADAL_EXPORT_KERNEL(causal_conv, 0)\nHADAL_EXPORT_KERNEL(causal_conv_append, 0)")
        try directory.edit(
            "causal_conv/cpu.c", "HADAL_KERNEL(causal_conv) {",
            """
            HADAL_KERNEL(causal_conv_append) {
                const hadal_kernel_state *past = &args->states[0];
                const int64_t width = args->inputs[0].columns;
                int64_t begin, end;
                hadal_share(args->inputs[0].rows, 1, thread, &begin, &end); /* rows: the threads meet before they are read */
                for (uint32_t s = 0; s < args->step->sequence_count; s++) {
                    const hadal_sequence *sequence = step_sequence(args->step, s);
                    for (int64_t t = 0; t < sequence->token_count; t++) {
                        const int64_t row = sequence->first_token + t;
                        if (row < begin || row >= end) continue;
                        cache_store(past->dtype, cache_row(past, args->step, sequence, 0, sequence->past + t), (const float *)args->inputs[0].data + row * width, width);
                    }
                }
            }

            HADAL_KERNEL(causal_conv) {
            """)
        let reference = try CPUBackend().open(device: 0, options: options([plain], cache: cache), log: .silent)
        let device = try CPUBackend().open(device: 0, options: options([directory], cache: cache, ["threads": .int(3)]), log: .silent)
        defer {
            reference.quiesce()
            device.quiesce()
        }
        let kit = ConformanceKit(
            catalogue: try OpCatalogue.load(adding: [directory.path]), reference: reference,
            options: .init(seed: 4, casesPerOp: 12, ops: ["causal_conv"], failuresPerOp: 1))
        let result = try #require(kit.check(device, capabilities: CPUBackend().capabilities).first)
        #expect(result.status == .pass && result.cases >= 6, "\(fault(result)) \(result.unsupported)")
    }

    @Test("op folders lie in a kernel directory or in its folder ops; headers beside either")
    func layouts() throws {
        let (directory, cache) = (try KernelDirectory(), try KernelDirectory.relu2())
        try FileManager.default.createDirectory(atPath: "\(directory.path)/ops", withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: "\(cache.path)/relu2_gate", toPath: "\(directory.path)/ops/relu2_gate")
        try directory.write("include/gain.h", "#define GAIN 1\n")
        try directory.edit("ops/relu2_gate/cpu.c", "#include \"hadal_simd.h\"", "#include \"hadal_simd.h\"\n#include \"gain.h\"")
        try directory.edit("ops/relu2_gate/cpu.c", "g * g *", "GAIN * g * g *")
        var result = try check("relu2_gate", [directory], options([directory], cache: cache))
        #expect(result.status == .pass && result.cases >= 12, "\(fault(result)) \(result.unsupported)")
        try directory.write("include/gain.h", "#define GAIN 2\n")
        result = try check("relu2_gate", [directory], options([directory], cache: cache))
        #expect(result.failures.isEmpty == false)
    }

    @Test(
        "reading beside an operand, or what is not written yet, is seen without another definition",
        arguments: [
            "x[rows * width]", "x[-1]", "w[width]", "w[-1]", "m[width * 3]", "old", "y[rows * width]",
            "(float)args->step->pages[sequence->first_page + sequence->page_count]",
            "(floats_from(kept, cache_row(past, args->step, sequence, 0, sequence->past + sequence->token_count), past->dtype, 1), kept[0])",
            "0",
        ])
    func readsOutside(term: String) throws {
        let (directory, cache) = (try KernelDirectory(), try KernelDirectory())
        try directory.write(
            "peek/op.json",
            """
            {"hadal": "op/1", "op": "peek", "summary": "s",
             "inputs": [{"name": "x", "kind": "value", "dims": ["N", "D"]}, {"name": "w", "kind": "weight", "dims": ["D"]}, {"name": "m", "kind": "weight", "dims": ["D", "K"]}],
             "outputs": [{"name": "y", "dims": ["N", "D"]}], "states": [{"name": "past", "dims": [1, "D"]}], "reference": "cpu", "tolerance": {"absolute": 1e-6},
             "cases": [{"dims": {"D": [5], "K": [3]}, "steps": [[[2, 3]], [[0, 1]]]}]}
            """)
        try directory.write(
            "peek/cpu.c",
            """
            #include "hadal_kernel.h"
            #ifndef HADAL_ISA
            #include "hadal_each_isa.h"
            HADAL_EXPORT_KERNEL(peek, 0)
            #else
            #include "hadal_simd.h"
            #include "hadal_cache.h"
            HADAL_KERNEL(peek) {
                const float *x = args->inputs[0].data, *w = args->inputs[1].data, *m = args->inputs[2].data;
                float *y = args->outputs[0].data, kept[5], old;
                const int64_t rows = args->outputs[0].rows, width = args->outputs[0].columns;
                const hadal_kernel_state *past = &args->states[0];
                if (thread->index) return;
                for (uint32_t s = 0; s < args->step->sequence_count; s++) {
                    const hadal_sequence *sequence = step_sequence(args->step, s);
                    for (uint32_t t = 0; t < sequence->token_count; t++) {
                        const int64_t row = sequence->first_token + t;
                        cache_store(past->dtype, cache_row(past, args->step, sequence, 0, sequence->past + t), x + row * width, width);
                        for (int64_t i = 0; i < width; i++) {
                            old = y[row * width + i];
                            y[row * width + i] = x[row * width + i] * w[i] * m[i * 3] + \(term);
                        }
                    }
                }
                (void)rows, (void)kept, (void)old;
            }
            #endif
            """)
        let device = try CPUBackend().open(device: 0, options: options([directory], cache: cache), log: .silent)
        defer { device.quiesce() }
        let kit = ConformanceKit(
            catalogue: try OpCatalogue.load(adding: [directory.path]), reference: device,
            options: .init(seed: 4, casesPerOp: 12, ops: ["peek"], failuresPerOp: 1))
        let result = try #require(kit.check(device, capabilities: CPUBackend().capabilities).first)
        if term == "0" { return #expect(result.status == .pass, "\(fault(result)) \(result.unsupported)") }
        #expect(result.failures.first?.kind == .outside, "\(fault(result)) \(result.unsupported)")
    }

    @Test(
        "every stock source compiles at run time and stays right",
        arguments: ConformanceTests.catalogue.map { $0.contracts.keys.sorted() }.success ?? [])
    func stockSources(op: String) throws {
        let (directory, cache) = (try KernelDirectory.stock(op), try KernelDirectory())
        try directory.edit("\(op)/cpu.c", "#include \"hadal_kernel.h\"", "/* another text */\n#include \"hadal_kernel.h\"")
        let result = try check(op, [directory], options([directory], cache: cache))
        #expect(result.status == .pass, "\(fault(result)) \(result.unsupported)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).count == 1)
    }

    @Test(
        "a source with the names that vectors and block lists had before compiles and stays right",
        arguments: [
            ("state_space", ["v_reduce_add": "v_sum"]),
            ("latent_attention", ["v_reduce_max": "v_highest"]),
            (
                "linear",
                [
                    "dot_block_list": "dot_listing", "dot_list_blocks": "dot_list", "dot_prefetch_results": "dot_results_ahead",
                    "hadal_block_list_bytes": "hadal_listing_bytes",
                ]
            ),
        ])
    func namesOfBefore(op: String, names: [String: String]) throws {
        let (directory, cache) = (try KernelDirectory.stock(op), try KernelDirectory())
        for (now, before) in names { try directory.edit("\(op)/cpu.c", now, before) }
        let result = try check(op, [directory], options([directory], cache: cache))
        #expect(result.status == .pass, "\(fault(result)) \(result.unsupported)")
    }

    @Test("panels need the products of a block, not hadal_dot.h, which is built on them")
    func panelsAlone() throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        let file = "relu2_gate/cpu.c"
        try directory.edit(
            file, "#include \"hadal_each_isa.h\"",
            "#include \"hadal_packed.h\"\n#include \"hadal_intrinsics.h\"\n#include \"hadal_each_isa.h\"")
        let headers = ["simd", "codes", "dot_block", "panels"].map { "#include \"hadal_\($0).h\"\n" }.joined()
        try directory.edit(file, "#include \"hadal_simd.h\"\n", headers)
        let result = try check("relu2_gate", [directory], options([directory], cache: cache))
        #expect(result.status == .pass, "\(fault(result)) \(result.unsupported)")
    }

    @Test("an override is used, the first directory's before the next")
    func override() throws {
        let (first, second, cache) = (try KernelDirectory.stock("scale"), try KernelDirectory.stock("scale"), try KernelDirectory())
        try second.edit("scale/cpu.c", "v * factor", "v * (2 * factor)")
        try #require(check("scale", [second], options([second], cache: cache)).status == .fail)
        try first.edit("scale/cpu.c", "#include \"hadal_kernel.h\"", "// a comment\n#include \"hadal_kernel.h\"")
        #expect(try check("scale", [first, second], options([first, second], cache: cache)).status == .pass)
    }

    @Test("an unchanged source needs no compiler, a changed one says so")
    func withoutCompiler() throws {
        let (directory, cache) = (try KernelDirectory.stock("scale"), try KernelDirectory())
        let none = options([directory], cache: cache, ["c-compiler": .string("")])
        #expect(try check("scale", [directory], none).status == .pass)
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.path).isEmpty)
        try directory.edit("scale/cpu.c", "#include \"hadal_kernel.h\"", "// a comment\n#include \"hadal_kernel.h\"")
        let refused = try check("scale", [directory], none)
        #expect(refused.status == .unsupported)
        let reason = refused.unsupported.first?.reason ?? ""
        #expect(
            reason.contains("\(directory.path)/scale/cpu.c") && reason.contains("needs a C compiler")
                && reason.contains("c-compiler is empty"))
        expectError(.notFound, "no-such-compiler") {
            try CPUBackend().open(
                device: 0, options: options([directory], cache: cache, ["c-compiler": .string("no-such-compiler")]), log: .silent)
        }
    }

    @Test("a compile error shows the compiler's message with file and line")
    func compileError() throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        try directory.edit("relu2_gate/cpu.c", "int64_t i, end;", "int64_t i, end;\n    wrong;")
        let result = try check("relu2_gate", [directory], options([directory], cache: cache))
        let message = result.failures.first?.message ?? ""
        #expect(message.contains("\(directory.path)/relu2_gate/cpu.c:13:") && message.contains("wrong"), "\(message)")
        #expect(!message.contains("hadal-kernel-"))
    }

    @Test("a header of the user's own comes before the installation's, and is part of what an entry is named by")
    func headers() throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        try directory.edit(
            "relu2_gate/cpu.c", "#include \"hadal_simd.h\"",
            "#include \"hadal_simd.h\"\n#include \"mine.h\"\n#include \"../include/also.h\"")
        try directory.edit("relu2_gate/cpu.c", "g * g *", "GAIN * g * g *")
        try directory.edit("relu2_gate/cpu.c", "gate[i] * gate[i] *", "GAIN * gate[i] * gate[i] *")
        try directory.write("include/also.h", "")
        try directory.write("relu2_gate/mine.h", "#define GAIN 1\n")
        #expect(try check("relu2_gate", [directory], options([directory], cache: cache)).status == .pass)
        try directory.write("relu2_gate/mine.h", "#define GAIN 3\n")
        #expect(try check("relu2_gate", [directory], options([directory], cache: cache)).status == .fail)
        try directory.write("relu2_gate/mine.h", "#define GAIN 1\n")
        try directory.write("include/hadal_simd.h", "#error mine\n")
        let message = try check("relu2_gate", [directory], options([directory], cache: cache)).failures.first?.message ?? ""
        #expect(message.contains("\(directory.path)/include/hadal_simd.h:1") && message.contains("#error mine"), "\(message)")
    }

    @Test("includes that lead out of kernel directories are refused", arguments: ["\"../../x.h\"", "\"/etc/passwd\"", "NAME"])
    func strangeIncludes(name: String) throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        try directory.edit("relu2_gate/cpu.c", "#include \"hadal_simd.h\"", "#include \"hadal_simd.h\"\n#include \(name)")
        let result = try check("relu2_gate", [directory], options([directory], cache: cache))
        #expect(
            result.status == .unsupported && result.unsupported.first?.reason.contains("relu2_gate/cpu.c:8") == true,
            "\(result.unsupported)")
    }

    @Test(
        "kernels for another ABI are refused",
        arguments: [
            ("HADAL_KERNEL_ABI_VERSION", "9u", "version 9"), ("sizeof(hadal_kernel)", "8", "described by 8 bytes"),
            ("#name", "\"other\"", "something else"),
        ])
    func abi(old: String, new: String, message: String) throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        var header = try String(contentsOfFile: "\(Fixtures.repository)/kernels/include/hadal_kernel.h", encoding: .utf8)
        let macro = try #require(
            header.range(of: "static const hadal_kernel kernel = {sizeof(hadal_kernel), HADAL_KERNEL_ABI_VERSION, #name, scratch,"))
        header.replaceSubrange(macro, with: header[macro].replacingOccurrences(of: old, with: new))
        try directory.write("include/hadal_kernel.h", header)
        let got = try check("relu2_gate", [directory], options([directory], cache: cache)).failures.first?.message ?? ""
        #expect(got.contains(message), "\(got)")
    }

    @Test("a source without kernels, without a contract, or with another op's")
    func incomplete() throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        try directory.edit("relu2_gate/cpu.c", "HADAL_EXPORT_KERNEL(relu2_gate, 0)", "")
        let message = try check("relu2_gate", [directory], options([directory], cache: cache)).failures.first?.message ?? ""
        #expect(message.contains("exports no kernel") && message.contains("hadal_kernel_relu2_gate"), "\(message)")
        // A contract alone, whose kernel would number an attribute's choices otherwise.
        let other = try KernelDirectory.stock("glu")
        try FileManager.default.removeItem(atPath: "\(other.path)/glu/cpu.c")
        try other.edit(
            "glu/op.json", "\"choices\": [\"silu\", \"gelu\", \"gelu_tanh\", \"relu\"]",
            "\"choices\": [\"gelu\", \"silu\", \"gelu_tanh\", \"relu\"]")
        let result = try check("glu", [other], options([other], cache: cache))
        #expect(result.status == .unsupported && result.unsupported.first?.reason.contains("no cpu.c") == true, "\(result.unsupported)")
    }

    @Test("a cache entry that was changed or cut short is built again", arguments: 0..<4)
    func brokenEntries(kind: Int) throws {
        let (directory, cache) = (try KernelDirectory.relu2(), try KernelDirectory())
        // A text of its own: a process has what it has loaded before in memory.
        try directory.edit("relu2_gate/cpu.c", "/* relu2_gate", "/* \(kind) relu2_gate")
        let source = try KernelSource(op: "relu2_gate", in: directory.path)
        let compiler = try #require(try CCompiler.find(nil))
        let key = compiler.key(of: source, for: .available)
        let store = ContentCache(directory: cache.path)
        try store.store(key, try compiler.compile(source, for: .available))
        let file = URL(fileURLWithPath: store.path(key))
        let whole = try Data(contentsOf: file)
        switch kind {
        case 0: break
        case 1: try whole.prefix(100).write(to: file)
        case 2: try Data(count: whole.count).write(to: file)
        default: try Data().write(to: file)
        }
        #expect((store.content(key) == nil) == (kind > 0))
        #expect(try check("relu2_gate", [directory], options([directory], cache: cache)).status == .pass)
        #expect(store.content(key) != nil)
    }

    @Test("an executable's kernel is exchanged between two steps, or stays")
    func replace() throws {
        let (directory, cache, edited) = (try KernelDirectory.relu2(), try KernelDirectory(), try KernelDirectory.relu2())
        let device = try CPUBackend().open(device: 0, options: options([directory], cache: cache), log: .silent)
        defer { device.quiesce() }
        var builder = GraphBuilder(name: "g", catalogue: try OpCatalogue.load(adding: [directory.path]))
        let gate = builder.input("gate", dtype: .f32, dims: [.tokens, .fixed(40)]),
            up = builder.input("up", dtype: .f32, dims: [.tokens, .fixed(40)])
        let y = try builder.node("relu2_gate", label: "n", inputs: [.value(gate), .value(up)], outputNames: ["y"])[0]
        builder.output(try builder.node("scale", label: "s", inputs: [.value(y)], attributes: ["factor": .float(1)], outputNames: ["z"])[0])
        let executable = try device.compile(Segment(withoutData: builder.graph, bounds: .init(tokens: 4, sequences: 1, rows: 1)))
        func run() throws -> Float {
            try Stepping.run(
                executable, inputs: [[Float](repeating: 3, count: 80), [Float](repeating: 2, count: 80)], output: 80, tokens: 2
            ).reduce(0, +) / 80
        }
        #expect(try run() == 18)
        // Whatever it gives: checking is the host's.
        try edited.edit("relu2_gate/cpu.c", "g * g *", "5 * g * g *")
        try edited.edit("relu2_gate/cpu.c", "? gate[i]", "? 5 * gate[i]")
        try executable.replaceKernel(op: "relu2_gate", from: edited.path)
        #expect(try run() == 90)
        try edited.edit("relu2_gate/cpu.c", "5 * g * g *", "5 * g * g g *")
        expectError(.malformed, "does not compile", "relu2_gate/cpu.c:") {
            try executable.replaceKernel(op: "relu2_gate", from: edited.path)
        }
        expectError(.notFound, "/nonexistent/relu2_gate") { try executable.replaceKernel(op: "relu2_gate", from: "/nonexistent") }
        expectError(.notFound, "nothing that was compiled runs op 'softcap'") {
            try executable.replaceKernel(op: "softcap", from: edited.path)
        }
        #expect(try run() == 90)
        // A stock op takes a source, and its own source takes it back.
        let scale = try KernelDirectory.stock("scale")
        try scale.edit("scale/cpu.c", "v * factor", "v * (2 * factor)")
        try executable.replaceKernel(op: "scale", from: scale.path)
        #expect(try run() == 180)
        let stock = try KernelDirectory.stock("scale")
        try executable.replaceKernel(op: "scale", from: stock.path)
        #expect(try run() == 90)
        // Another contract: attributes would be numbered otherwise.
        let contract = try KernelDirectory.stock("scale")
        try contract.edit("scale/op.json", "\"factor\"", "\"by\"")
        try contract.edit("scale/op.json", "\"factor * x\"", "\"by * x\"")
        expectError(.mismatch, "reload the model") { try executable.replaceKernel(op: "scale", from: contract.path) }
        try executable.replaceKernel(op: "relu2_gate", from: directory.path)
        #expect(try run() == 18)
    }

    @Test("a kernel that packs weights in another way is for models that are loaded with it")
    func packing() throws {
        let (cache, edited) = (try KernelDirectory(), try KernelDirectory.stock("linear"))
        let model = try TinyModel(try OpCatalogue.load(), dtype: .q4_0)
        let device = try CPUBackend().open(device: 0, options: ["kernel-cache": .string(cache.path)], log: .silent)
        defer { device.quiesce() }
        let executable = try device.compile(model.segment)
        try edited.edit("linear/cpu.c", "#include \"hadal_kernel.h\"", "/* the same otherwise */\n#include \"hadal_kernel.h\"")
        try executable.replaceKernel(op: "linear", from: edited.path)
        let pack = "HADAL_KERNEL(linear_pack) {"
        try edited.edit(
            "linear/cpu.c", pack, "\(pack)\n    if (thread->index == 0) memset(args->outputs[0].data, 0x55, 64);\n    if (args) return;\n")
        expectError(.mismatch, "linear_pack", "reload") { try executable.replaceKernel(op: "linear", from: edited.path) }
    }

    @Test("shares one after another give the same bits as together", arguments: ["forward", "backward"])
    func order(_ order: String) throws {
        let backend = CPUBackend()
        let device = try backend.open(device: 0, options: ["order": .string(order), "threads": .int(3)], log: .silent)
        defer { device.quiesce() }
        var kit = try ConformanceTests.kit(cases: 6)
        kit.options.failuresPerOp = 1
        for op in try kit.check(device, capabilities: backend.capabilities) { #expect(op.status == .pass, "\(op.name): \(fault(op))") }
        expectError(.unsupported, "expert-memory") {
            try backend.open(device: 0, options: ["order": .string(order), "expert-memory": .int(1 << 20)], log: .silent)
        }
    }
}

extension Result {
    fileprivate var success: Success? { try? get() }
}

/// Runs one step of float32 inputs.
private enum Stepping {
    static func run(_ executable: any Executable, inputs: [[Float]], output: Int, tokens: Int) throws -> [Float] {
        let memory = try (inputs.map(\.count) + [output]).map { try HostBuffer(bytes: 4 * $0) }
        for (values, buffer) in zip(inputs, memory) { try values.withUnsafeBytes { try buffer.write(offset: 0, from: $0) } }
        let bindings = memory.map { hadal_binding(buffer: nil, host: $0.pointer, offset: 0, bytes: UInt64($0.bytes)) }
        var step = hadal_step()
        step.size = UInt32(MemoryLayout<hadal_step>.size)
        step.tokens = UInt32(tokens)
        step.sequence_stride = UInt32(MemoryLayout<hadal_sequence>.stride)
        try bindings.withUnsafeBufferPointer { all in
            try executable.execute(
                Execution(
                    inputs: .init(rebasing: all[..<inputs.count]), outputs: .init(rebasing: all[inputs.count...]),
                    states: .init(start: nil, count: 0), step: &step))
        }
        return (0..<output).map { memory[inputs.count].pointer.load(fromByteOffset: 4 * $0, as: Float.self) }
    }
}
