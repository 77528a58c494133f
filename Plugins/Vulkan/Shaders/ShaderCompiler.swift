import CHadalSystem
import CVulkan
import HadalCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Turns GLSL into SPIR-V for Vulkan 1.2.
///
/// Thread safety: any thread, one compilation each.
protocol ShaderCompiler: Sendable {
    /// Changes when what it makes may.
    var identity: String { get }
    /// - Throws: `malformed` with the compiler's message, which names the file and line.
    func compile(_ source: String, path: String) throws -> [UInt32]
}

enum ShaderCompilers {
    /// Those to use, in order: shaderc's library, or the command that comes with it (Debian's library lacks symbols that only its command
    /// has), then glslang, which may know what an older shaderc does not.
    static let installed: [any ShaderCompiler] = {
        let shaderc: (any ShaderCompiler)? = if let library = ShadercLibrary.load() { library } else { CompilerCommand.find(.glslc) }
        return [shaderc, CompilerCommand.find(.glslang)].compactMap { $0 }
    }()
}

/// shaderc as a library, in this process.
struct ShadercLibrary: ShaderCompiler, @unchecked Sendable {
    private let functions: UnsafePointer<hadal_shaderc>
    let identity: String

    static func load() -> ShadercLibrary? {
        for name in ["libshaderc.so.1", "libshaderc_shared.so.1", "libshaderc_shared.so", "libshaderc_shared.dylib"] {
            guard let library = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
            var missing: UnsafePointer<CChar>?
            if let functions = hadal_shaderc_load(library, &missing) {
                return ShadercLibrary(functions: functions, identity: FileIdentity.text(of: loadedPath(functions) ?? name))
            }
        }
        return nil
    }

    /// The file that the library was loaded from.
    private static func loadedPath(_ functions: UnsafePointer<hadal_shaderc>) -> String? {
        hadal_system_image_path(unsafeBitCast(functions.pointee.compiler_initialize, to: UnsafeRawPointer.self)).map { String(cString: $0) }
    }

    func compile(_ source: String, path: String) throws -> [UInt32] {
        let calls = functions.pointee
        guard let compiler = calls.compiler_initialize() else { throw HadalError(.backend, "the shader compiler does not start") }
        defer { calls.compiler_release(compiler) }
        guard let options = calls.compile_options_initialize() else { throw HadalError(.backend, "the shader compiler does not start") }
        defer { calls.compile_options_release(options) }
        calls.compile_options_set_target_env(options, Int32(HADAL_SHADERC_TARGET_VULKAN), UInt32(HADAL_SHADERC_VULKAN_1_2))
        calls.compile_options_set_optimization_level(options, Int32(HADAL_SHADERC_OPTIMISE_SPEED))
        let result = source.withCString { text in
            path.withCString { path in
                "main".withCString { entry in
                    calls.compile_into_spv(compiler, text, source.utf8.count, Int32(HADAL_SHADERC_COMPUTE), path, entry, options)
                }
            }
        }
        guard let result else { throw HadalError(.outOfMemory, "no memory for compiling a shader", at: SourcePlace(path)) }
        defer { calls.result_release(result) }
        guard calls.result_get_compilation_status(result) == Int32(HADAL_SHADERC_SUCCESS) else {
            let message = calls.result_get_error_message(result).map { String(cString: $0) } ?? "no message"
            throw HadalError(.malformed, "the shader does not compile:\n\(message)", at: SourcePlace(path))
        }
        let bytes = calls.result_get_length(result)
        guard let start = calls.result_get_bytes(result), bytes % 4 == 0 else {
            throw HadalError(.backend, "the shader compiler gave nothing")
        }
        return UnsafeRawBufferPointer(start: start, count: bytes).bindMemory(to: UInt32.self).map { $0 }
    }
}
