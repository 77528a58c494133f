import Foundation
import HadalCore

/// SPIR-V by the text it comes from: shipped with the installation, kept from earlier runs, or compiled now.
///
/// An entry of the cache is one file, named by a hash of the text and the compiler, that begins with a checksum of what follows: a file
/// that does not match is compiled anew and written over, never used. Files are written beside and renamed.
/// Thread safety: as the device it belongs to.
final class SpirvStore {
    private let compiler: (any ShaderCompiler)?
    private let cache: String?
    private let shipped: [String]
    private let log: LogSink
    private var loaded: [String: [UInt32]] = [:]
    private var failures: [String: HadalError] = [:]

    /// - Parameters:
    ///   - cache: a directory that may not be there yet; nil: nothing is kept.
    ///   - shipped: directories of entries that hold for any compiler.
    init(compiler: (any ShaderCompiler)?, cache: String?, shipped: [String], log: LogSink) {
        self.compiler = compiler
        self.cache = cache
        self.shipped = shipped
        self.log = log
    }

    func words(of source: KernelSource) throws -> [UInt32] {
        if let known = loaded[source.text] { return known }
        if let failure = failures[source.text] { throw failure }
        do {
            let words = try find(source)
            loaded[source.text] = words
            return words
        } catch let error as HadalError {
            failures[source.text] = error
            throw error
        }
    }

    private func find(_ source: KernelSource) throws -> [UInt32] {
        let plain = Digest.hex(of: [Self.normal(source)])
        for folder in shipped { if let words = read("\(folder)/\(plain).spv") { return words } }
        guard let compiler else {
            throw HadalError(
                .notFound, "no shader compiler (shaderc's library or its command glslc) is installed, and the installation has no compiled form of this kernel",
                at: Place(source.path), hint: "on Debian: apt-get install glslc")
        }
        let path = cache.map { "\($0)/vulkan/\(Digest.hex(of: [source.text, compiler.identity])).spv" }
        if let path, let words = read(path) { return words }
        let words = try compiler.compile(source.text, path: source.path)
        if let path { write(words, to: path) }
        return words
    }

    /// The text without where it lies, which differs between machines.
    private static func normal(_ source: KernelSource) -> String { source.text.replacingOccurrences(of: "\"\(source.path)\"", with: "\"vulkan.comp\"") }

    /// Compiles a source into a folder of entries that hold for any compiler.
    func ship(_ source: KernelSource, to folder: String) throws { write(try words(of: source), to: "\(folder)/\(Digest.hex(of: [Self.normal(source)])).spv") }

    private func read(_ path: String) -> [UInt32]? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard let bytes = FileManager.default.contents(atPath: path), bytes.count > 12, bytes.count % 4 == 0 else {
            log.write(.warning, "the compiled kernel \(path) is damaged and is made anew")
            return nil
        }
        let words = bytes.withUnsafeBytes { raw in (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) } }
        let body = Array(words[2...])
        let sum = Digest.checksum(body)
        guard words[0] == UInt32(truncatingIfNeeded: sum), words[1] == UInt32(truncatingIfNeeded: sum >> 32), body[0] == 0x0723_0203 else {
            log.write(.warning, "the compiled kernel \(path) is damaged and is made anew")
            return nil
        }
        return body
    }

    private func write(_ words: [UInt32], to path: String) {
        let sum = Digest.checksum(words)
        var data = Data()
        for word in [UInt32(truncatingIfNeeded: sum), UInt32(truncatingIfNeeded: sum >> 32)] + words {
            withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) }
        }
        do {
            try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try data.write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch { log.write(.warning, "cannot keep a compiled kernel: \(error.localizedDescription)") }
    }
}
