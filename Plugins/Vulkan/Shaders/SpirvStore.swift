import HadalCore

/// SPIR-V by the text it comes from: shipped with the installation, kept from earlier runs, or compiled now.
///
/// Thread safety: as the device it belongs to.
final class SpirvStore {
    private let compilers: [any ShaderCompiler]
    private let cache: ContentCache?
    private let shipped: [ContentCache]
    private let output: ContentCache?
    private let log: LogSink
    private var loaded: [String: [UInt32]] = [:]
    private var failures: [String: HadalError] = [:]

    /// - Parameters:
    ///   - compilers: the first that can compile a text does.
    ///   - cache: a directory that may not be there yet; nil: nothing is kept.
    ///   - shipped: directories of entries that hold for any compiler.
    ///   - output: a directory that such entries are written to.
    init(compilers: [any ShaderCompiler], cache: String?, shipped: [String], output: String? = nil, log: LogSink) {
        self.compilers = compilers
        self.cache = cache.map { ContentCache(directory: "\($0)/vulkan") }
        self.shipped = shipped.map { ContentCache(directory: $0) }
        self.output = output.map { ContentCache(directory: $0) }
        self.log = log
    }

    func words(of source: KernelSource) throws -> [UInt32] {
        if let known = loaded[source.text] { return known }
        if let failure = failures[source.text] { throw failure }
        do {
            let words = try find(source)
            if let output { try output.store(Self.key(source.textWithoutPath), Self.bytes(words)) }
            loaded[source.text] = words
            return words
        } catch let error as HadalError {
            failures[source.text] = error
            throw error
        }
    }

    private func find(_ source: KernelSource) throws -> [UInt32] {
        let plain = Self.key(source.textWithoutPath)
        for folder in shipped { if let words = folder.content(plain).flatMap(Self.words) { return words } }
        guard !compilers.isEmpty else {
            throw HadalError(
                .notFound,
                "no shader compiler (shaderc's library or its command glslc) is installed, and the installation has no compiled form of this kernel",
                at: SourcePlace(source.path), hint: "on Debian: apt-get install glslc")
        }
        var failure: HadalError?
        for compiler in compilers {
            let key = Self.key(source.text, compiler.identity)
            if let words = cache?.content(key).flatMap(Self.words) { return words }
            do {
                let words = try compiler.compile(source.text, path: source.path)
                do { try cache?.store(key, Self.bytes(words)) } catch { log.write(.warning, "cannot keep a compiled kernel: \(error)") }
                return words
            } catch let error as HadalError {
                // The first compiler's message is the one that its user knows.
                failure = failure ?? error
            }
        }
        throw failure ?? HadalError(.backend, "no shader compiler ran")
    }

    private static func key(_ fields: String...) -> String {
        var hash = SHA256()
        for field in fields { hash.combine(field: field) }
        return hash.finish().hexadecimal + ".spv"
    }

    private static func bytes(_ words: [UInt32]) -> [UInt8] { words.withUnsafeBytes { Array($0) } }

    /// nil for what cannot be SPIR-V of this machine's byte order.
    private static func words(_ bytes: [UInt8]) -> [UInt32]? {
        guard bytes.count >= 20, bytes.count % 4 == 0 else { return nil }
        let words = bytes.withUnsafeBytes { raw in (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) } }
        return words[0] == 0x0723_0203 ? words : nil
    }
}
