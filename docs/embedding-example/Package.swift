// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "ask",
    dependencies: [.package(name: "hadal", path: "../..")],
    targets: [
        .executableTarget(
            name: "Ask",
            dependencies: [.product(name: "Hadal", package: "hadal"), .product(name: "HadalCPU", package: "hadal")])
    ]
)
