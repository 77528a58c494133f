import CHadalKernels
import CHadalSystem
import Foundation
import HadalCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A compiled source that has been loaded: its kernels by name. Never unloaded, since executables hold pointers into it.
///
/// Thread safety: immutable.
struct KernelLibrary: @unchecked Sendable {
    let kernels: [String: StockKernels.Kernel]

    private static let loaded = Mutex<[String: KernelLibrary]>([:])

    /// The kernels of a source, from memory, from the cache, or compiled.
    ///
    /// - Parameter names: kernels that the source may export; it has to export one of them at least.
    /// - Throws: what the compiler says; `mismatch` for kernels that this build cannot call.
    static func load(
        _ source: KernelSource, names: [String], isa: InstructionSet, _ compiler: CCompiler, _ cache: ContentCache?, log: LogSink
    ) throws -> KernelLibrary {
        let key = compiler.key(of: source, for: isa)
        if let known = loaded.withLock({ $0[key] }) { return known }
        var content = cache?.content(key)
        let isCached = content != nil
        if content == nil {
            let made = try compiler.compile(source, for: isa)
            do { try cache?.store(key, made) } catch { log.write(.debug, "cpu: the compiled kernel is not kept: \(error)") }
            content = made
        }
        guard let content else { throw HadalError(.backend, "no compiled kernel", at: SourcePlace(source.path)) }
        let library = try KernelLibrary(content, source, names: names, isa, near: cache?.directory)
        log.write(.debug, "cpu: \(source.path) \(isCached ? "found in the cache" : "compiled") for \(isa.name)")
        return loaded.withLock { known in
            if let other = known[key] { return other }
            known[key] = library
            return library
        }
    }

    private init(_ content: [UInt8], _ source: KernelSource, names: [String], _ isa: InstructionSet, near directory: String?) throws {
        let handle = try Self.open(content, source, near: directory)
        var kernels: [String: StockKernels.Kernel] = [:]
        for name in names {
            guard let symbol = dlsym(handle, "hadal_kernel_\(name)") else { continue }
            typealias Query = @convention(c) () -> StockKernels.Kernel?
            guard let kernel = unsafeBitCast(symbol, to: Query.self)() else { continue }
            try Self.check(kernel, name, source, isa)
            kernels[name] = kernel
        }
        guard !kernels.isEmpty else {
            let wanted = names.map { "hadal_kernel_\($0)" }.joined(separator: ", ")
            throw HadalError(
                .mismatch, "the source exports no kernel of op '\(source.op)'", at: SourcePlace(source.path),
                hint: "HADAL_EXPORT_KERNEL makes one of: \(wanted)")
        }
        self.kernels = kernels
    }

    /// What was compiled against other headers may have another layout.
    private static func check(_ kernel: StockKernels.Kernel, _ name: String, _ source: KernelSource, _ isa: InstructionSet) throws {
        func fail(_ message: String) -> HadalError { HadalError(.mismatch, "kernel '\(name)' \(message)", at: SourcePlace(source.path)) }
        guard kernel.pointee.size == UInt32(MemoryLayout<hadal_kernel>.size) else {
            throw fail(
                "is described by \(kernel.pointee.size) bytes, not \(MemoryLayout<hadal_kernel>.size): it was compiled against another hadal_kernel.h"
            )
        }
        guard kernel.pointee.abi_version == HADAL_KERNEL_ABI_VERSION else {
            throw fail("was written for version \(kernel.pointee.abi_version) of the kernel ABI, not \(HADAL_KERNEL_ABI_VERSION)")
        }
        guard let given = kernel.pointee.name, ExactString(String(cString: given)) == ExactString(name) else {
            throw fail("calls itself something else")
        }
        do { _ = try InstructionStream.function(kernel, isa) } catch let error as HadalError {
            throw error.located(at: SourcePlace(source.path))
        }
    }

    /// Loads bytes that have been checked: from a file of this process alone, so that nothing can come between check and load.
    private static func open(_ content: [UInt8], _ source: KernelSource, near directory: String?) throws -> UnsafeMutableRawPointer {
        var message = "no place for it"
        for folder in [directory, FileManager.default.temporaryDirectory.path].compactMap({ $0 }) {
            let path = "\(folder)/.load-\(UUID().uuidString).so"
            defer { unlink(path) }
            do { try WholeFile.write(content, to: path) } catch {
                message = "\(error)"
                continue
            }
            if let handle = dlopen(path, hadal_system_plugin_dlopen_flags()) { return handle }
            message = dlerror().map { String(cString: $0) } ?? "the loader gives no reason"
        }
        throw HadalError(.backend, "the compiled kernel cannot be loaded: \(message)", at: SourcePlace(source.path))
    }
}
