// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that what only benchmarks need is not built with Oxbow. The name given to the dependency makes it
// independent of what the folder of the checkout is called.
let package = Package(
    name: "oxbow-bench",
    dependencies: [
        .package(name: "oxbow", path: "../.."),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    ],
    targets: [
        .executableTarget(
            name: "decrypt", dependencies: [.product(name: "OxbowRecords", package: "oxbow")],
            swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(
            name: "front", dependencies: [
                .product(name: "OxbowFront", package: "oxbow"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]),
    ])
