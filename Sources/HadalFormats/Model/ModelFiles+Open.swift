import HadalCore
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension ModelFiles {
    /// Opens a GGUF file (any shard of a split one), a Hugging Face directory, or the GGUF model that lies in a directory with no weights in
    /// safetensors. What a file is, its first bytes say.
    ///
    /// - Parameter weights: false to open a directory for its configuration and tokenizer alone.
    /// - Throws: `HadalError` with the file, the field and both values.
    package static func open(path: String, weights: Bool = true) throws -> ModelFiles {
        var info = stat()
        guard stat(path, &info) == 0 else {
            let reason = errno
            if reason == ENOENT || reason == ENOTDIR { throw HadalError(.notFound, "no such file or directory", at: SourcePlace(path)) }
            throw HadalError(.io, "cannot open: \(String(cString: strerror(reason)))", at: SourcePlace(path))
        }
        if info.st_mode & S_IFMT == S_IFDIR {
            let provider = FileProvider(directory: path)
            // A publisher of GGUF files may put the config.json beside them that they were made from.
            let isHuggingFace = provider.exists(HuggingFaceDirectory.configName) && (!weights || !SafetensorsNames(provider).files.isEmpty)
            guard !isHuggingFace, let model = try GGUFDirectory.model(in: path) else {
                return try ModelFiles(huggingFace: HuggingFaceDirectory(provider, weights: weights))
            }
            return try open(file: model)
        }
        return try open(file: path)
    }

    private static func open(file path: String) throws -> ModelFiles {
        let source = try ByteSource(path: path)
        guard GGUFFile.hasMagic(source) else { throw notAModel(source) }
        return try ModelFiles(gguf: GGUFShards(path: path), path: path)
    }

    /// Opens a GGUF file held in memory.
    package static func open(ggufBytes bytes: [UInt8], name: String) throws -> ModelFiles {
        let file = try GGUFFile(source: ByteSource(bytes: bytes, name: name))
        return try ModelFiles(gguf: GGUFShards(files: [file]), path: name)
    }

    /// Opens a Hugging Face directory held in memory, its files by plain name.
    package static func open(files: [String: [UInt8]], name: String, weights: Bool = true) throws -> ModelFiles {
        try ModelFiles(huggingFace: HuggingFaceDirectory(FileProvider(files: files, directory: name), weights: weights))
    }

    /// Says what a file that is not GGUF seems to be.
    private static func notAModel(_ source: ByteSource) -> HadalError {
        var hint = "a model is a GGUF file or a directory with config.json and safetensors weights"
        let first = withExtendedLifetime(source) {
            let bytes = source.bytes
            if bytes.count > 9, bytes[8] == UInt8(ascii: "{"), bytes[7] == 0, bytes[6] == 0 {
                hint = "this looks like a safetensors file: give the directory that holds it and its config.json"
            } else if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
                hint = "this is a zip archive, perhaps PyTorch weights; only GGUF and safetensors are read"
            }
            return FirstBytes.describe(bytes)
        }
        return HadalError(
            .malformed, "not a model file: GGUF starts with \"GGUF\", this starts with \(first)", at: SourcePlace(source.name, .byte(0)),
            hint: hint)
    }
}
