import CHadalKernels
import Foundation
import HadalCore
import HadalGraph
import HadalKernelFiles

/// The kernels and contracts that a device uses: the user's where there are any, else those of this build.
///
/// Thread safety: one thread at a time, as its device.
final class KernelTable {
    /// What the user asked for.
    struct Configuration: Sendable {
        /// Directories of op folders, the first having the last word.
        var directories: [String] = []
        /// Where compiled kernels are kept; nil: nowhere.
        var cache: String? = ContentCache.standardDirectory("kernels")
        /// nil: the first that there is; "": none.
        var compiler: String?
        /// Whether sources are compiled that are those of this build.
        var compilesUnchanged = false
    }

    typealias Kernel = StockKernels.Kernel

    /// Kernels that replace or add to the stock ones, and the contract that they were written for.
    struct Override {
        var kernels: [String: Kernel]
        var contract: OpContract
        var path: String
    }

    private let configuration: Configuration
    private let isa: InstructionSet
    private let log: LogSink
    private let stock: OpCatalogue
    private let contracts: OpCatalogue
    private let compiler: CCompiler?
    private let cache: ContentCache?
    private var overrides: [String: Override] = [:]
    private var sources: [String: Result<KernelSource?, HadalError>] = [:]

    init(_ configuration: Configuration, isa: InstructionSet, log: LogSink) throws {
        self.configuration = configuration
        self.isa = isa
        self.log = log
        stock = try OpCatalogue.installed()
        // Read before anybody edits them.
        _ = StockKernels.sources
        var contracts = stock
        for directory in configuration.directories.reversed() { try contracts.add(folder: directory) }
        self.contracts = contracts
        // A compiler is looked for where one may be needed: asking it for its version takes a moment.
        compiler = configuration.directories.isEmpty ? nil : try CCompiler.find(configuration.compiler)
        cache = configuration.cache.map { ContentCache(directory: $0) }
    }

    /// Whether nodes of the op run a source of the user's.
    func isOverridden(_ op: String) -> Bool { (try? source(of: op)) ?? nil != nil }

    /// Why nodes of `op` cannot run here, so far as that can be told without compiling; nil: they can.
    func unsupported(op: String) -> String? {
        if configuration.directories.isEmpty { return StockKernels.byOp[op] == nil ? "no cpu kernel for op '\(op)'" : nil }
        let user: KernelSource?
        do { user = try source(of: op) } catch { return "\(error)" }
        guard let contract = contracts.contracts[op] else {
            return user.map { "\($0.path) has no contract: there is no op.json beside it" } ?? "no cpu kernel for op '\(op)'"
        }
        if let user, compiler == nil { return missingCompiler(for: user) }
        if StockKernels.byOp[op] != nil {
            // What surrounds the stock kernel, or the calls of an op that is several kernels, is written for the stock contract.
            guard let own = stock.contracts[op], user == nil || Self.isSeveral(own), !contract.hasSameInterface(as: own) else { return nil }
            return user == nil
                ? "\(contract.folder) gives the op other operands or attributes than the kernel of this build has, and no \(KernelSource.fileName)"
                : "\(contract.folder) gives the op other operands or attributes than the calls of its kernels are made for"
        }
        if StockKernels.byOp.values.contains(where: { $0[op] != nil }) { return "'\(op)' is the name of another op's kernel" }
        if user != nil { return nil }
        let places = configuration.directories.map { "\($0)/\(op)/\(KernelSource.fileName)" }
        return "no cpu kernel for op '\(op)'" + (places.isEmpty ? "" : ": there is no \(places.joined(separator: ", "))")
    }

    /// Whether the op is lowered in a way of its own, rather than to one call with its operands as they are.
    private static func isSeveral(_ contract: OpContract) -> Bool {
        StockKernels.byOp[contract.name].map { $0.count > 1 } ?? false || contract.cpu != .init()
    }

    /// One of an op's kernels, compiled if it has to be.
    func kernel(_ name: String, of op: String) throws -> Kernel {
        if let kernel = try override(of: op)?.kernels[name] { return kernel }
        if let kernel = StockKernels.byOp[op]?[name] { return kernel }
        throw HadalError(.unsupported, "there is no cpu kernel '\(name)' of op '\(op)'")
    }

    /// The contract that the op's kernels were written for: a kernel numbers attributes and choices as its own contract does.
    func contract(of op: String) throws -> OpContract {
        try source(of: op) != nil ? contracts.contract(for: op) : stock.contract(for: op)
    }

    /// The kernels of an op's source in a directory, each with its name; stock kernels where the source is theirs.
    ///
    /// - Parameter contract: what executables were compiled with. The source's own, where it has one, has to say the same of operands and
    ///   attributes.
    /// - Throws: when there is no source, it does not compile, or it cannot be used.
    func kernels(of op: String, in directory: String, for contract: OpContract) throws -> [String: Kernel] {
        if let folder = KernelFolder.folder(of: op, in: directory, holding: "op.json") {
            let path = "\(folder)/op.json"
            let own = try OpContract(contentsOf: path)
            guard own.hasSameInterface(as: contract) else {
                throw HadalError(
                    .mismatch, "the contract of '\(op)' has other operands or attributes than the one that the model was loaded with",
                    at: SourcePlace(path),
                    hint: "reload the model")
            }
        }
        let source = try KernelSource(op: op, in: directory)
        var kernels = StockKernels.byOp[op] ?? [:]
        if isStock(source) { return kernels }
        for (name, kernel) in try load(source).kernels { kernels[name] = kernel }
        return kernels
    }

    // MARK: sources

    /// The user's source of an op; nil when there is none, or it is the one that the stock kernels were built from.
    private func source(of op: String) throws -> KernelSource? {
        if let known = sources[op] { return try known.get() }
        let found = Result<KernelSource?, HadalError> { () throws(HadalError) in
            guard let directory = configuration.directories.first(where: { KernelSource.exists(op: op, in: $0) }) else { return nil }
            let source: KernelSource
            do { source = try KernelSource(op: op, in: directory) } catch let error as HadalError { throw error } catch { return nil }
            return isStock(source) ? nil : source
        }
        sources[op] = found
        return try found.get()
    }

    private func isStock(_ source: KernelSource) -> Bool {
        guard !configuration.compilesUnchanged, let stock = StockKernels.sources[source.op] else { return false }
        return source.hasSameContent(as: stock)
    }

    private func override(of op: String) throws -> Override? {
        if let known = overrides[op] { return known }
        guard let source = try source(of: op) else { return nil }
        let made = Override(kernels: try load(source).kernels, contract: try contracts.contract(for: op), path: source.path)
        overrides[op] = made
        return made
    }

    private func load(_ source: KernelSource) throws -> KernelLibrary {
        guard let compiler = try compiler ?? CCompiler.find(configuration.compiler) else {
            throw HadalError(.unsupported, missingCompiler(for: source))
        }
        let appends = contracts.contracts[source.op]?.cpu.append.isEmpty == false
        let names =
            StockKernels.byOp[source.op].map { $0.keys.sorted() } ?? [source.op] + (appends ? [OpContract.appendKernel(of: source.op)] : [])
        return try KernelLibrary.load(source, names: names, isa: isa, compiler, cache, log: log)
    }

    private func missingCompiler(for source: KernelSource) -> String {
        let reason =
            switch configuration.compiler {
            case ""?: "option c-compiler is empty, which forbids one"
            case let choice?: "there is no '\(choice)'"
            case nil: "there is no \(CCompiler.names.joined(separator: ", ")) on the search path"
            }
        return "\(source.path) differs from the kernel of this build and needs a C compiler: \(reason)"
    }
}
