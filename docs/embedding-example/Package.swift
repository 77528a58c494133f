// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "ask",
    dependencies: [.package(name: "hadal", path: "../..")],
    targets: [
        .executableTarget(
            name: "Ask",
            dependencies: [.product(name: "Hadal", package: "hadal"), .product(name: "HadalCPU", package: "hadal")]),
        // A backend written in Swift, checked and used by the program that brings it.
        .executableTarget(
            name: "OwnBackend",
            dependencies: [
                .product(name: "Hadal", package: "hadal"), .product(name: "HadalPluginKit", package: "hadal"),
                .product(name: "HadalConformance", package: "hadal"), .product(name: "HadalCPU", package: "hadal"),
                .product(name: "HadalReference", package: "hadal"),
            ]),
    ]
)
