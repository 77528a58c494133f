import ArgumentParser
import Hadal
import HadalCore

/// Whether the KV cache outlives the process.
struct DiskCacheArguments: ParsableArguments {
    @Option(
        name: .customLong("cache-dir"),
        help: ArgumentHelp(
            "Keep the KV cache of prompts and answers in this directory, to find it there the next time. It holds what was typed, unencrypted.",
            valueName: "dir"))
    var directory: String?

    @Option(
        name: .customLong("cache-limit"),
        help: ArgumentHelp("Maximum size of all blocks in the cache directory (default: 20GiB).", valueName: "bytes"),
        transform: NumberOption.bytes(atLeast: 1))
    var limit: ByteCount?

    func set(_ options: inout EngineOptions) {
        options.cacheDirectory = directory
        if let limit { options.cacheLimit = limit.bytes }
    }

    func validate() throws {
        if limit != nil, directory == nil { throw ValidationError("--cache-limit requires --cache-dir.") }
    }
}
