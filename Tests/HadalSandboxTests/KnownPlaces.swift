/// Every place in the tree that can open a connection, or run what could, and why it is there.
enum KnownPlaces {
    struct Place {
        /// A file; a folder where it ends in a slash.
        let path: String
        let rule: String
        /// How often; nil: as often as it likes, in a folder whose task it is.
        let count: Int?
        let why: String
    }

    static let all = [
        // The two that open connections.
        Place(path: "Sources/HadalServer/", rule: "server library", count: nil, why: "the listener"),
        Place(
            path: "Sources/HadalServer/Page/", rule: "request", count: nil,
            why: "the page asks the server that it came from; it has no address of another"),
        Place(path: "Sources/HadalServer/Page/dom.js", rule: "address", count: 1, why: "the name of SVG's elements"),
        Place(path: "Sources/HadalServer/Page/patch.js", rule: "address", count: 1, why: "the name of MathML's elements"),
        Place(path: "Sources/HadalServer/Page/icon.svg", rule: "address", count: 1, why: "the name of SVG's elements"),
        Place(path: "Sources/HadalServer/Page/markdown-inline.js", rule: "address", count: 2, why: "how addresses in an answer begin"),
        Place(path: "Sources/HadalHub/Download/HTTPTransfer.swift", rule: "Foundation", count: 20, why: "hadal pull"),
        Place(
            path: "Sources/HadalHub/Store/ModelStore+Pull.swift", rule: "Foundation", count: 1, why: "hadal pull: the catalogue's address"),

        // The seal tries what it forbids.
        Place(path: "Sources/HadalSandbox/Network/SystemCall.swift", rule: "socket", count: 8, why: "names of calls that are refused"),
        Place(path: "Sources/HadalSandbox/Network/SealAttempt.swift", rule: "system call", count: 3, why: "attempts, under the seal"),
        Place(
            path: "Sources/CHadalSystem/sandbox.c", rule: "system call", count: 9, why: "setting the filter, and one attempt by its number"),
        Place(path: "Sources/CHadalSystem/sandbox.c", rule: "program", count: 1, why: "a child that makes one call by the 32-bit ABI"),
        Place(path: "Sources/CHadalSystem/include/hadal_sandbox.h", rule: "system call", count: 1, why: "declares it"),
        Place(path: "Sources/CHadalSystem/system.c", rule: "system call", count: 2, why: "futex"),

        // Programs that are started: compilers of kernels and shaders, and this one to check a kernel.
        Place(path: "Sources/HadalCore/Process/ChildProcess.swift", rule: "program", count: 1, why: "starts a program without input"),
        Place(path: "Sources/HadalCLI/Commands/VerdictCommand.swift", rule: "program", count: 1, why: "hadal, to check a kernel"),
        Place(path: "Sources/HadalCLI/Support/Kernels/KernelTiming.swift", rule: "program", count: 1, why: "hadal, to time a kernel"),
        Place(path: "Plugins/CPU/Kernels/CCompiler.swift", rule: "program", count: 2, why: "the C compiler"),
        Place(path: "Plugins/Vulkan/Shaders/CompilerCommand.swift", rule: "program", count: 1, why: "the compiler of shaders"),
        Place(path: "packaging/launcher.c", rule: "program", count: 1, why: "becomes hadal"),

        // Libraries that are opened: what they do is theirs, and the seal's business.
        Place(path: "Sources/HadalBackend/Registry/PluginLoader.swift", rule: "library", count: 1, why: "plugins"),
        Place(path: "Plugins/CPU/Kernels/KernelLibrary.swift", rule: "library", count: 1, why: "kernels that were compiled at run time"),
        Place(path: "Plugins/CPU/BLASLibrary.swift", rule: "library", count: 1, why: "OpenBLAS"),
        Place(path: "Plugins/Vulkan/Loader/VulkanLibrary.swift", rule: "library", count: 1, why: "the Vulkan loader"),
        Place(path: "Plugins/Vulkan/Shaders/ShaderCompiler.swift", rule: "library", count: 1, why: "shaderc"),
        Place(path: "packaging/launcher.c", rule: "client", count: 1, why: "a comment: one of the libraries that are shipped"),
        Place(path: "packaging/launcher.c", rule: "library", count: 1, why: "tells which libraries the system has"),
    ]

    /// Packages of others that are built in, and their parts: each could bring a connection of its own.
    static let products: [String: String] = [
        "ArgumentParser": "reads the command line", "GRDB": "the database of conversations",
        "Hummingbird": "the listener", "HummingbirdCore": "the listener", "HTTPTypes": "names of headers", "NIOCore": "the listener",
        "Logging": "the listener's log",
        "ServiceLifecycle": "starts and stops the listener",
    ]
}
