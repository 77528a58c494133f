import CVulkan
import Foundation
import HadalCore
import HadalGraph
import HadalKernelFiles

/// Finds the kernels of ops in folders, and chooses the form of a stage that suits a device and a use.
///
/// Thread safety: as the device it belongs to.
final class Kernels {
    /// A stage in the form that was chosen.
    struct Built {
        var stage: OpContract.Stage
        var source: KernelSource
        var threads: Int
        var parameters: [String: Int]
    }

    private static let fileName = "vulkan.comp"

    /// What the device allows kernels to use.
    let features: Set<String>
    private let physical: PhysicalDevice
    /// What `subgroup` stands for in the numbers of a stage.
    private let subgroup: Int
    /// Searched in order; the installation's own comes last.
    private let directories: [String]
    private let catalogue: OpCatalogue
    private let tuned: TunedParameters
    /// Whether forms that this device cannot run are compiled all the same, to be shipped.
    private let compilesEveryForm: Bool
    private let order: InvocationOrder
    private let canCompile: (KernelSource) -> Bool
    private let log: LogSink
    private var kernels: [String: Kernel] = [:]
    private var texts: [String: String] = [:]

    /// - Parameters:
    ///   - directories: of op folders, before the installation's own.
    ///   - order: other than that of the device, for kernels that it may matter to.
    ///   - canCompile: whether a faster form can be turned into SPIR-V here. The plain form is not asked about.
    init(
        directories: [String], features: Set<String>, physical: PhysicalDevice, tuned: TunedParameters, compilesEveryForm: Bool,
        order: InvocationOrder,
        log: LogSink, canCompile: @escaping (KernelSource) -> Bool
    ) throws {
        self.directories = directories
        self.features = features
        self.physical = physical
        self.compilesEveryForm = compilesEveryForm
        subgroup = physical.fixedSubgroup > 0 ? physical.fixedSubgroup : 32
        self.tuned = tuned
        self.canCompile = canCompile
        self.order = order
        self.log = log
        catalogue = try OpCatalogue.load(adding: directories.reversed())
    }

    /// - Throws: `notFound` for an op without a contract, `unsupported` for one without a Vulkan kernel.
    func kernel(of op: String) throws -> Kernel {
        if let known = kernels[op] { return known }
        let contract = try catalogue.contract(for: op)
        let folders = directories.compactMap { KernelFolder.folder(of: op, in: $0, holding: Self.fileName) } + [contract.folder]
        let kernel = try load(contract, from: folders)
        kernels[op] = kernel
        return kernel
    }

    /// The kernel of an op in a directory of op folders, whose `op.json` may be left out.
    func kernel(of op: String, in directory: String) throws -> Kernel {
        texts = [:]
        guard let folder = KernelFolder.folder(of: op, in: directory, holding: Self.fileName) else {
            throw HadalError(.notFound, "op '\(op)' has no Vulkan kernel", at: SourcePlace("\(directory)/\(op)/\(Self.fileName)"))
        }
        let contract =
            FileManager.default.fileExists(atPath: "\(folder)/op.json")
            ? try OpContract(contentsOf: "\(folder)/op.json") : try catalogue.contract(for: op)
        guard contract.name == op else {
            throw HadalError(.mismatch, "the contract names op '\(contract.name)'", at: SourcePlace("\(folder)/op.json"))
        }
        return try load(contract, from: [folder, contract.folder, try catalogue.contract(for: op).folder])
    }

    /// From now on new segments use it.
    func install(_ kernel: Kernel) { kernels[kernel.contract.name] = kernel }

    private func load(_ contract: OpContract, from folders: [String]) throws -> Kernel {
        guard !contract.stages.isEmpty else { throw HadalError(.unsupported, "op '\(contract.name)' has no Vulkan kernel") }
        guard let path = folders.map({ "\($0)/\(Self.fileName)" }).first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw HadalError(.unsupported, "op '\(contract.name)' has no \(Self.fileName)")
        }
        let hasBlocks = !contract.states.isEmpty && contract.stateTypes.contains(where: \.isQuantised)
        let includes = try (["hadal.glsl", "blocks.glsl", "dots.glsl"] + (hasBlocks ? ["caches.glsl"] : [])).map(shared)
        let body = try including(text(of: path), path: path)
        guard order.matters(to: body) else {
            throw HadalError(
                .unsupported, "the order of invocations makes no difference to '\(contract.name)': they give each other nothing")
        }
        return Kernel(contract: contract, path: path, body: body, includes: includes.joined(separator: "\n"))
    }

    /// The text of a file of the folder `glsl`, of the first directory that has it.
    private func shared(_ name: String) throws -> String {
        guard let own = KernelFolders.installed else { throw HadalError(.notFound, "the kernels folder of this installation is missing") }
        let found = (directories + [own]).map { "\($0)/glsl/\(name)" }.first { FileManager.default.fileExists(atPath: $0) }
        return try text(of: found ?? "\(own)/glsl/\(name)")
    }

    /// A kernel's text with the shared files that its lines `#include "name.glsl"` ask for in their place. Compilers keep their count of lines.
    private func including(_ body: String, path: String) throws -> String {
        guard body.contains("#include") else { return body }
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false)
        return try lines.enumerated().map { number, line in
            guard line.hasPrefix("#include") else { return String(line) }
            let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[1].hasSuffix(".glsl"), !parts[1].contains("/") else {
                throw HadalError(
                    .malformed, "'\(line)' names no shared file", at: SourcePlace(path, .text(line: number + 1, column: 1)),
                    hint: "#include \"attend.glsl\", a file of the folder glsl")
            }
            return "#line 1 \"\(parts[1])\"\n\(try shared(String(parts[1])))\n#line \(number + 2) \"\(path)\""
        }.joined(separator: "\n")
    }

    private func text(of path: String) throws -> String {
        if let known = texts[path] { return known }
        let file = try MappedFile(path: path)
        let text = withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
        texts[path] = text
        return text
    }

    /// The best form of a stage that this device and this use allow: its dispatches, in order.
    func build(_ stage: OpContract.Stage, of use: KernelUse, _ kernel: Kernel) throws -> [Built] {
        if compilesEveryForm { try compileForms(of: stage, use, kernel) }
        for form in stage.forms {
            guard form.features.allSatisfy(features.contains), try use.suits(form) else { continue }
            do {
                let built = try (form.before + [form]).map { try build($0, use, kernel) }
                guard let variant = form.variant, !built.allSatisfy({ canCompile($0.source) }) else { return built }
                log.write(.debug, "\(kernel.contract.name): no compiled form of variant \(variant) and no compiler that knows what it uses")
            } catch let error as HadalError where error.code == .unsupported && form.variant != nil {
                log.write(.debug, "\(kernel.contract.name): not variant \(form.variant ?? ""): \(error.message)")
            }
        }
        throw HadalError(.unsupported, "stage '\(stage.name)' requires \(stage.requires?.text ?? stage.features.joined(separator: ", "))")
    }

    /// One dispatch.
    ///
    /// - Throws: `unsupported` when the device is too small for it.
    private func build(_ form: OpContract.Stage, _ use: KernelUse, _ kernel: Kernel) throws -> Built {
        var parameters = tuned.parameters(of: form, op: kernel.contract.name)
        parameters["subgroup"] = subgroup
        for side in KernelSource.MatrixSide.allCases { parameters["matrix_\(side.rawValue)"] = physical.features.matrix?[side] }
        let source = source(of: form, use, kernel)
        guard source.operands.count <= KernelSource.operandLimit else {
            throw HadalError(.unsupported, "\(source.operands.count) operands; a Vulkan kernel takes \(KernelSource.operandLimit)")
        }
        guard let threads = try use.evaluate(form.threads, parameters).int, threads > 0 else {
            throw HadalError(.malformed, "'threads' is not a positive number", at: SourcePlace("\(kernel.contract.folder)/op.json"))
        }
        guard threads <= Int(physical.limits.maxComputeWorkGroupInvocations) else {
            throw HadalError(.unsupported, "a workgroup of \(threads); the device takes \(physical.limits.maxComputeWorkGroupInvocations)")
        }
        if let shared = form.shared {
            guard let bytes = try use.evaluate(shared, parameters).int, bytes >= 0 else {
                throw HadalError(.malformed, "'shared' is not a number of bytes", at: SourcePlace("\(kernel.contract.folder)/op.json"))
            }
            guard bytes <= Int(physical.limits.maxComputeSharedMemorySize) else {
                throw HadalError(
                    .unsupported, "\(bytes) bytes of shared memory; the device has \(physical.limits.maxComputeSharedMemorySize)")
            }
        }
        return Built(stage: form, source: source, threads: threads, parameters: parameters)
    }

    private func source(of form: OpContract.Stage, _ use: KernelUse, _ kernel: Kernel) -> KernelSource {
        KernelSource(
            kernel.contract, stage: form, signature: use.signature, extents: use.extents.keys.sorted(), path: kernel.path,
            body: kernel.body, includes: kernel.includes, order: order)
    }

    /// Whether a device can run a form is not asked here, nor need the compiler know what it uses.
    private func compileForms(of stage: OpContract.Stage, _ use: KernelUse, _ kernel: Kernel) throws {
        for form in stage.variants where try use.suits(form) {
            for dispatch in form.before + [form] where !canCompile(source(of: dispatch, use, kernel)) {
                log.write(
                    .warning, "\(kernel.contract.name): variant \(form.variant ?? "") does not compile with this compiler and is left out")
            }
        }
    }
}

/// Where the kernels of this installation are.
enum KernelFolders {
    static let installed = KernelFolder.candidates.first { FileManager.default.fileExists(atPath: "\($0)/glsl") }
}

/// An op's Vulkan kernel as found on disk.
struct Kernel {
    let contract: OpContract
    /// `vulkan.comp`.
    let path: String
    let body: String
    /// The shared files, of the same folder's own `glsl/` where it has one.
    let includes: String
}
