import Foundation
import HadalCore
import Synchronization

/// The system's C compiler: compiles kernels at run time.
///
/// Thread safety: immutable.
struct CCompiler: Sendable {
    /// Tried in this order where the user names none.
    static let names = ["cc", "clang", "gcc"]

    let path: String
    /// What tells this compiler from others: where it really is, its size and date, what it says of its version.
    let identity: String
    private let isClang: Bool

    /// - Parameter choice: a path or a name; nil: the first of `names` on the search path; "": none.
    /// - Returns: nil when there is none.
    /// - Throws: `notFound` when the one that the user chose is not there.
    static func find(_ choice: String?) throws -> CCompiler? {
        if choice == "" { return nil }
        guard let path = ChildProcess.find(choice.map { [$0] } ?? names) else {
            if let choice {
                throw HadalError(
                    .notFound, "there is no C compiler '\(choice)'",
                    hint: "option c-compiler takes a path or the name of a program on the search path")
            }
            return nil
        }
        return try known.withLock { known in
            if let compiler = known[path], compiler.identity.hasPrefix(Self.file(path)) { return compiler }
            let compiler = try CCompiler(path)
            known[path] = compiler
            return compiler
        }
    }

    private static let known = Mutex<[String: CCompiler]>([:])

    private init(_ path: String) throws {
        let version = try ChildProcess.run(path, ["--version"], merged: true, seconds: 20)
        guard version.succeeded else {
            throw HadalError(.unsupported, "the C compiler does not run: \(version.text.prefix(200))", at: SourcePlace(path))
        }
        self.path = path
        identity = "\(Self.file(path))\n\(version.text)"
        isClang = version.text.contains("clang")
    }

    /// The file behind a path, as it is now.
    private static func file(_ path: String) -> String {
        let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let facts = try? FileManager.default.attributesOfItem(atPath: real)
        let date = (facts?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
        return "\(real) \(facts?[.size] as? Int ?? 0) \(date)"
    }

    /// One thing differs between compilers: only one of them contracts a product and a sum within an expression alone. The other does so wherever
    /// it can, or nowhere; nowhere is what keeps an element's bits the same whatever stands beside it.
    private var flags: [String] {
        [
            "-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-math-errno",
            isClang ? "-ffp-contract=on" : "-ffp-contract=off",
        ]
    }

    /// Names what compiling `source` for `isa` gives.
    func key(of source: KernelSource, for isa: InstructionSet) -> String {
        var hash = SHA256()
        hash.combine(field: "kernel 1")
        hash.combine(field: identity)
        for flag in flags { hash.combine(field: flag) }
        hash.combine(field: isa.name)
        source.combine(into: &hash)
        return "\(source.op)-\(hash.finish().hexadecimal).so"
    }

    /// The shared object that a source is compiled to.
    ///
    /// - Throws: `malformed` with the compiler's message, which names file and line.
    func compile(_ source: KernelSource, for isa: InstructionSet) throws -> [UInt8] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hadal-kernel-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // What was read is what is compiled, whatever becomes of the files meanwhile.
        for file in source.files { try WholeFile.write(file.bytes, to: "\(folder)/\(file.root)/\(file.path)") }
        let includes = source.roots.indices.flatMap { ["-I", "\(folder)/\($0)/include"] }
        let (input, output) = ("\(folder)/0/\(source.op)/\(KernelSource.fileName)", "\(folder)/kernel.so")
        let result = try ChildProcess.run(
            path, flags + ["-DHADAL_ONLY_ISA=\(isa.rawValue)"] + includes + ["-o", output, input, "-lm"], merged: true)
        guard result.succeeded else {
            var text = result.text
            for (number, root) in source.roots.enumerated() {
                text = text.replacingOccurrences(of: "\(folder)/\(number)/", with: "\(root)/")
            }
            if result.end == .timedOut { text = "it took longer than two minutes\n" + text }
            throw HadalError(
                .malformed, "the kernel does not compile:\n\(text.trimmingCharacters(in: .newlines))", at: Self.place(text, source))
        }
        guard let bytes = WholeFile.read(output, limit: ContentCache.largest) else {
            throw HadalError(.io, "the C compiler gave no shared object", at: SourcePlace(source.path))
        }
        return bytes
    }

    /// Where the first error is: `FILE:LINE:COLUMN: error: …`.
    private static func place(_ text: String, _ source: KernelSource) -> SourcePlace {
        for line in text.split(separator: "\n") {
            guard let mark = line.range(of: ": error:") ?? line.range(of: ": fatal error:") else { continue }
            let parts = line[..<mark.lowerBound].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard parts.count >= 3, let row = Int(parts[parts.count - 2]), let column = Int(parts[parts.count - 1]) else { continue }
            return SourcePlace(parts.dropLast(2).joined(separator: ":"), .text(line: row, column: column))
        }
        return SourcePlace(source.path)
    }
}
