// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "hadal",
    products: [
        .library(name: "Hadal", targets: ["Hadal"]),
        // Many requests on one engine.
        .library(name: "HadalServing", targets: ["HadalServing"]),
        // What an answer must be.
        .library(name: "HadalConstraints", targets: ["HadalConstraints"]),
        .library(name: "HadalPluginKit", targets: ["HadalPluginKit"]),
        // For those who write kernels and backends.
        .library(name: "HadalConformance", targets: ["HadalConformance"]),
        .library(name: "HadalKernelTools", targets: ["HadalKernelTools"]),
        .library(name: "HadalQuantization", targets: ["HadalQuantization"]),
        // Backends to link into an application, which then needs no plugin files.
        .library(name: "HadalCPU", targets: ["HadalCPU"]),
        .library(name: "HadalReference", targets: ["HadalReference"]),
        .library(name: "HadalVulkan", targets: ["HadalVulkan"]),
        .executable(name: "hadal", targets: ["HadalCLI"]),
        .library(name: "hadal-reference", type: .dynamic, targets: ["HadalReferencePlugin"]),
        .library(name: "hadal-cpu", type: .dynamic, targets: ["HadalCPUPlugin"]),
        .library(name: "hadal-vulkan", type: .dynamic, targets: ["HadalVulkanPlugin"]),
        .library(name: "hadal-example", type: .dynamic, targets: ["CHadalExample"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        // The server alone: HTTP, its lifecycle, logging, and the database of conversations.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // The plugin ABI: one standalone C header.
        .target(name: "CHadalPlugin", exclude: ["PluginHeader.swift"], sources: ["header_is_standalone.c"]),
        // The header as a file beside the executable: kernels compiled at run time include it.
        .target(
            name: "HadalPluginHeader", path: "Sources/CHadalPlugin", exclude: ["header_is_standalone.c"], sources: ["PluginHeader.swift"],
            resources: [.copy("include")]),
        .target(name: "CHadalSystem"),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CEditline", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),

        .target(name: "HadalCore", dependencies: ["CHadalSystem"]),
        .target(
            name: "HadalKernelFiles", dependencies: ["HadalCore"], path: "kernels", exclude: ["machine", "stock"],
            sources: ["KernelFolder.swift"],
            // One folder under ops/ per op: op.json (the contract), cpu.c, vulkan.comp.
            resources: ["ops", "glsl", "include", "quirks"].map { .copy($0) }),
        .target(name: "HadalGraph", dependencies: ["HadalCore", "HadalKernelFiles"]),
        .target(name: "HadalFormats", dependencies: ["HadalCore"]),
        .target(
            name: "HadalArchitecture", dependencies: ["HadalCore", "HadalGraph", "HadalFormats"],
            resources: [.copy("Resources")]),
        .target(name: "HadalBackend", dependencies: ["CHadalPlugin", "CHadalSystem", "HadalCore", "HadalGraph"]),
        .target(name: "HadalPluginKit", dependencies: ["CHadalPlugin", "HadalCore", "HadalFormats", "HadalGraph", "HadalBackend"]),
        // Checks and times the kernels of any backend.
        .target(name: "HadalConformance", dependencies: ["CHadalPlugin", "HadalCore", "HadalGraph", "HadalFormats", "HadalBackend"]),
        // Sources that the build makes: the operators by the files of Plugins/Reference/Ops, and JSON files as strings.
        .executableTarget(name: "make-source", path: "Plugins/Build/Tool"),
        .plugin(name: "OperatorTable", capability: .buildTool(), dependencies: ["make-source"], path: "Plugins/Build/OperatorTable"),
        .plugin(name: "EmbeddedText", capability: .buildTool(), dependencies: ["make-source"], path: "Plugins/Build/EmbeddedText"),
        // The Jinja of chat templates.
        .target(name: "HadalTemplate", dependencies: ["HadalCore"]),
        .target(
            name: "HadalText", dependencies: ["HadalCore", "HadalFormats", "HadalTemplate", "CPCRE2"],
            plugins: ["EmbeddedText"]),
        // What a text must be: JSON Schema, regular expressions and grammars, as masks over a vocabulary. Knows no model.
        .target(name: "HadalConstraints", dependencies: ["HadalCore"]),
        // Blocks of sessions' state that outlive them. Knows no engine.
        // What seals files: AES-256-GCM, HMAC-SHA256, and keys from passphrases.
        .target(name: "HadalCipher", dependencies: ["CCrypto", "HadalCore"]),
        .target(name: "HadalCache", dependencies: ["CCrypto", "HadalCipher", "HadalCore"]),
        .target(
            name: "HadalEngine",
            dependencies: [
                "HadalCore", "HadalGraph", "HadalFormats", "HadalArchitecture", "HadalBackend", "HadalCache", "HadalConstraints",
                "HadalTemplate", "HadalText",
            ]),
        // Work on kernels: tuning, live replacement, saved nodes, comparison of traces, ceilings of the machine.
        .target(
            name: "HadalKernelTools",
            dependencies: [
                "CHadalMachine", "HadalCore", "HadalKernelFiles", "HadalGraph", "HadalFormats", "HadalArchitecture", "HadalBackend",
                "HadalConformance",
                "HadalEngine",
            ]),
        .target(
            name: "HadalHub", dependencies: ["CCrypto", "HadalCore", "HadalFormats"], resources: [.copy("Resources")]),
        .target(
            name: "HadalSynthesis", dependencies: ["HadalCore", "HadalGraph", "HadalFormats", "HadalArchitecture"]),
        .target(
            name: "HadalQuantization",
            dependencies: ["HadalCore", "HadalGraph", "HadalFormats", "HadalArchitecture", "HadalText", "HadalEngine"]),
        // What an application imports: the names of docs/public-api.md.
        .target(name: "Hadal", dependencies: ["HadalCore", "HadalBackend", "HadalTemplate", "HadalText", "HadalEngine", "HadalHub"]),
        .target(name: "HadalServing", dependencies: ["HadalEngine"]),
        // Takes from the process what it does not need: the network, and writing outside of some directories.
        .target(name: "HadalSandbox", dependencies: ["CHadalSystem", "HadalCore"]),
        // Conversations in a database. Knows no engine and no HTTP.
        .target(
            name: "HadalHistory",
            dependencies: ["HadalCipher", "HadalCore", .product(name: "GRDB", package: "GRDB.swift")]),
        // HTTP on top of the library: the interfaces of clients, and the page.
        .target(
            name: "HadalServer",
            dependencies: [
                "Hadal", "HadalConstraints", "HadalServing", "HadalCore", "HadalHistory",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.copy("Page")]),
        .executableTarget(
            name: "HadalCLI",
            dependencies: [
                "Hadal", "HadalHub", "HadalSandbox", "HadalServer", "HadalCache", "HadalConstraints", "HadalServing", "HadalCore",
                "HadalConformance",
                "HadalKernelTools",
                "HadalQuantization", "HadalSynthesis",
                "CEditline",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // Plugins: each a shared library that exports hadal_plugin_query.
        .target(
            name: "CHadalKernels", dependencies: ["CHadalPlugin", "CHadalMachine"], path: "kernels",
            exclude: ["KernelFolder.swift", "glsl", "machine", "quirks"], publicHeadersPath: "include"),
        // Apart from the kernels, which a program that measures the machine would carry otherwise.
        .target(
            name: "CHadalMachine", dependencies: ["CHadalPlugin"], path: "kernels/machine", publicHeadersPath: "include",
            cSettings: [.headerSearchPath("../include")]),
        .target(
            name: "HadalReference",
            dependencies: ["HadalBackend", "HadalFormats", "HadalGraph", "HadalCore", "CHadalPlugin"],
            path: "Plugins/Reference", exclude: ["Plugin"], plugins: ["OperatorTable"]),
        .target(
            name: "HadalReferencePlugin", dependencies: ["HadalReference", "HadalPluginKit", "CHadalPlugin"],
            path: "Plugins/Reference/Plugin"),
        .target(
            name: "HadalCPU",
            dependencies: [
                "HadalBackend", "HadalFormats", "HadalGraph", "HadalCore", "HadalKernelFiles", "HadalPluginHeader", "CHadalPlugin",
                "CHadalKernels", "CHadalSystem",
            ],
            path: "Plugins/CPU", exclude: ["Plugin"]),
        .target(
            name: "HadalCPUPlugin", dependencies: ["HadalCPU", "HadalPluginKit", "CHadalPlugin"], path: "Plugins/CPU/Plugin"),
        // The Vulkan loader's and shaderc's types; both are opened at run time.
        .target(name: "CVulkan"),
        .target(
            name: "HadalVulkan",
            dependencies: ["HadalBackend", "HadalGraph", "HadalCore", "HadalKernelFiles", "CHadalPlugin", "CHadalSystem", "CVulkan"],
            path: "Plugins/Vulkan", exclude: ["Plugin"]),
        .target(
            name: "HadalVulkanPlugin", dependencies: ["HadalVulkan", "HadalPluginKit", "CHadalPlugin"], path: "Plugins/Vulkan/Plugin"),
        .target(name: "CHadalExample", dependencies: ["CHadalPlugin"], path: "Plugins/Example", publicHeadersPath: "include"),

        .target(
            name: "TestSupport", dependencies: ["HadalCore", "HadalFormats"], path: "Tests/Support",
            exclude: ["CAllocationCounter", "Constraints", "Engine"]),
        .target(
            name: "ConstraintTestSupport", dependencies: ["HadalConstraints", "HadalCore", "TestSupport"], path: "Tests/Support/Constraints"
        ),
        // Measures constraints over published schemas, and throws random ones at them.
        .executableTarget(
            name: "constraint-check",
            dependencies: [
                "ConstraintTestSupport", "HadalConstraints", "HadalCore", "HadalEngine", "HadalText", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Tests/ConstraintCheck"),
        // Runs random requests for a while and holds resident memory against the budget.
        .executableTarget(
            name: "soak",
            dependencies: [
                "Hadal", "HadalConstraints", "HadalCore", "HadalServing",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Tests/Soak"),
        .target(name: "EngineTestSupport", dependencies: ["HadalEngine", "TestSupport"], path: "Tests/Support/Engine"),
        .target(name: "CAllocationCounter", path: "Tests/Support/CAllocationCounter"),
        .testTarget(name: "HadalCoreTests", dependencies: ["HadalCore", "TestSupport"]),
        .testTarget(name: "HadalGraphTests", dependencies: ["HadalGraph", "TestSupport"]),
        .testTarget(name: "HadalFormatsTests", dependencies: ["HadalFormats", "TestSupport"]),
        .testTarget(name: "HadalArchitectureTests", dependencies: ["HadalArchitecture", "TestSupport"]),
        .testTarget(
            name: "HadalBackendTests",
            dependencies: [
                "HadalBackend", "HadalPluginKit", "HadalGraph", "HadalReference", "CHadalPlugin", "CAllocationCounter", "TestSupport",
            ]),
        .testTarget(
            name: "HadalConformanceTests",
            dependencies: ["HadalConformance", "HadalBackend", "HadalGraph", "HadalReference", "CHadalPlugin", "TestSupport"]),
        .testTarget(name: "HadalTemplateTests", dependencies: ["HadalTemplate", "TestSupport"]),
        .testTarget(name: "HadalCipherTests", dependencies: ["HadalCipher", "HadalCore", "TestSupport"]),
        .testTarget(name: "HadalCacheTests", dependencies: ["HadalCache", "HadalCore", "TestSupport"]),
        .testTarget(name: "HadalConstraintsTests", dependencies: ["ConstraintTestSupport", "HadalConstraints", "TestSupport"]),
        .testTarget(name: "HadalTextTests", dependencies: ["HadalText", "HadalTemplate", "TestSupport"]),
        .testTarget(name: "HadalHubTests", dependencies: ["HadalHub", "TestSupport"]),
        .testTarget(
            name: "HadalSynthesisTests",
            dependencies: ["HadalSynthesis", "HadalArchitecture", "HadalEngine", "HadalFormats", "HadalGraph", "HadalText", "TestSupport"]),
        .testTarget(
            name: "HadalQuantizationTests",
            dependencies: [
                "HadalQuantization", "HadalEngine", "HadalArchitecture", "HadalFormats", "HadalGraph", "HadalText", "TestSupport",
            ]),
        .testTarget(
            name: "HadalEngineTests",
            dependencies: [
                "HadalEngine", "HadalConstraints", "HadalFormats", "HadalSynthesis", "HadalText", "CAllocationCounter",
                "ConstraintTestSupport", "EngineTestSupport", "TestSupport",
            ]),
        .testTarget(
            name: "HadalKernelToolsTests",
            dependencies: [
                "HadalKernelTools", "HadalConformance", "HadalEngine", "HadalBackend", "HadalFormats", "EngineTestSupport", "TestSupport",
            ]),
        // Takes rights from itself and tries what is forbidden: a process of its own, as nothing gives them back.
        .executableTarget(name: "seal-check", dependencies: ["CHadalSystem", "HadalCore", "HadalSandbox"], path: "Tests/SealCheck"),
        .testTarget(name: "HadalSandboxTests", dependencies: ["HadalSandbox", "CHadalSystem", "HadalCore", "TestSupport"]),
        .testTarget(
            name: "HadalHistoryTests",
            dependencies: ["HadalHistory", "HadalCore", "TestSupport", .product(name: "GRDB", package: "GRDB.swift")]),
        .testTarget(
            name: "HadalServerTests",
            dependencies: [
                "HadalServer", "Hadal", "HadalConstraints", "HadalCore", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        .testTarget(
            name: "HadalCLITests",
            dependencies: [
                "HadalCLI", "HadalCache", "HadalCore", "HadalFormats", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(
            name: "HadalReferenceTests",
            dependencies: ["HadalReference", "HadalBackend", "HadalConformance", "HadalGraph", "CHadalPlugin", "TestSupport"]),
        .testTarget(
            name: "HadalCPUTests",
            dependencies: [
                "HadalCPU", "CHadalKernels", "HadalReference", "HadalBackend", "HadalConformance", "HadalGraph", "CHadalPlugin",
                "CAllocationCounter",
                "TestSupport",
            ]),
        .testTarget(
            name: "HadalVulkanTests",
            dependencies: [
                "HadalVulkan", "HadalReference", "HadalBackend", "HadalConformance", "HadalGraph", "CHadalPlugin", "TestSupport",
            ]),
    ],
    swiftLanguageModes: [.v6]
)

// A file sees what it imports itself, and an import is part of a module's own interface only where it says so.
for target in package.targets where [.regular, .executable, .test].contains(target.type) {
    target.swiftSettings = [.enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("InternalImportsByDefault")]
}
