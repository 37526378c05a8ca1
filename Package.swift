// swift-tools-version: 6.2

import PackageDescription

/// Every Swift target below Sources is held to the same rules; see CONTRIBUTING.md.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Tests follow the same language rules, but may touch raw memory without ceremony.
let relaxed: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

/// A layer of Oxbow: a folder of that name under Sources.
func layer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: strict)
}

func tests(of name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], swiftSettings: relaxed)
}

let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "oxbow",
    products: [
        .executable(name: "oxbow", targets: ["oxbow"]),
        // For the fuzz targets under Tools/fuzz, which are a package of their own.
        .library(
            name: "OxbowParsers",
            targets: ["Objects", "Packets", "Capture", "Flows", "Cleartext", "Exchanges", "Dialects"]),
        // For the benchmark of the record layer under Tools/bench, which does without HTTP.
        .library(name: "OxbowRecords", targets: ["Objects", "Packets", "Capture", "Flows", "Cleartext"]),
        // For the benchmark of the front end, from packet to block buffer.
        .library(
            name: "OxbowFront",
            targets: ["Objects", "Packets", "Capture", "Flows", "Cleartext", "Exchanges", "Dialects", "Blocks"]),
    ],
    dependencies: [
        // Command line: parsing, help, completions, man page.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        // HTTP field names and values with their rules (RFC 9110).
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        // Logging facade.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        // Metrics facade.
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        // The HTTP server of metrics; byte buffers for HPACK; byte buffers and HTTP heads of the migration client.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        // HPACK, the header compression of HTTP/2 (RFC 7541).
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        // HTTP client of the migration targets.
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        // oxbow.yaml.
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    ],
    targets: [
        .systemLibrary(name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
        .systemLibrary(name: "CRocksDB", pkgConfig: "rocksdb", providers: [.apt(["librocksdb-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        // Blocks are stored compressed: zstd for size, lz4 for speed.
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "CChecksums", exclude: ["README.md"]),
        .target(name: "CDigests", exclude: ["README.md"]),
        // RocksDB's C interface has no encrypted environment; its C++ one does.
        .target(name: "CRocksEncryption", dependencies: ["CRocksDB", "COpenSSL"], exclude: ["README.md"]),

        layer("Objects", []),
        layer("Packets", []),
        layer("Capture", ["Packets", "CPcap", "CLinux"]),
        layer("Flows", ["Objects", "Packets"]),
        layer("Cleartext", ["Objects", "Flows", "COpenSSL"]),
        layer("Exchanges", ["Objects", "Flows", httpTypes, nioCore, nioHPACK]),
        layer("Dialects", ["Objects", "Flows", "Exchanges", httpTypes]),
        layer("Blocks", ["Objects", "COpenSSL", "CChecksums", "CDigests", "CLinux"]),
        layer("Compression", ["CZstd", "CLZ4"]),
        layer("Encryption", ["COpenSSL"]),
        layer("Catalog", ["Objects", "Blocks", "Encryption", "CRocksDB", "CRocksEncryption"]),
        layer("Storage", ["Objects", "Blocks", "Compression", "Encryption", "CChecksums", "CLinux"]),
        layer("Vaults", ["Objects", "Blocks", "Compression", "Encryption", "Catalog", "Storage", "CLinux", logging]),
        layer("S3", ["Objects", "COpenSSL", asyncHTTPClient, nioCore, nioHTTP1, nioPosix]),
        layer("Backends", ["Objects", "Storage", "S3", nioCore, nioHTTP1]),
        layer("Replication", ["Objects", "Blocks", "Catalog", "Vaults", "S3", nioCore, nioHTTP1, logging]),
        layer("Telemetry", [coreMetrics, nioCore, nioHTTP1, nioPosix]),
        layer(
            "Pipeline",
            [
                "Objects", "Packets", "Capture", "Flows", "Cleartext", "Exchanges", "Dialects", "Blocks",
                "Compression", "Encryption", "Catalog", "Vaults", "CLinux", logging, coreMetrics,
            ]),
        .executableTarget(
            name: "oxbow",
            dependencies: [
                "Objects", "Blocks", "Compression", "Encryption", "Capture", "Catalog", "Dialects", "Vaults",
                "Pipeline", "Replication", "S3", "Storage", "Backends", "Telemetry",
                argumentParser, yams, logging,
            ],
            swiftSettings: strict),

        // What Tools/crash breaks: no part of the product.
        .executableTarget(
            name: "VaultExercise",
            dependencies: ["Objects", "Blocks", "Compression", "Encryption", "Catalog", "Vaults"],
            path: "Tools/crash/Exercise", swiftSettings: relaxed),
        // Times the block index, see Tools/bench/index.
        .executableTarget(
            name: "IndexBench", dependencies: ["Blocks", "Catalog", "Vaults"], path: "Tools/bench/Index",
            swiftSettings: relaxed),

        // Used by test targets only.
        .target(name: "TestSupport", path: "Tests/TestSupport", exclude: ["README.md"], swiftSettings: relaxed),
        tests(of: "Objects", ["Objects"]),
        tests(of: "Packets", ["Packets"]),
        tests(of: "Capture", ["Capture", "Packets", "CPcap"]),
        tests(of: "Flows", ["Flows", "Packets", "Objects"]),
        tests(of: "Cleartext", ["Cleartext", "Flows", "Objects"]),
        tests(of: "Exchanges", ["Exchanges", "Flows", "Objects", httpTypes, nioCore, nioHPACK]),
        tests(of: "Dialects", ["Dialects", "Exchanges", "Flows", "Objects", httpTypes]),
        tests(of: "Blocks", ["Blocks", "Objects"]),
        tests(of: "Compression", ["Compression"]),
        tests(of: "Encryption", ["Encryption"]),
        tests(of: "Catalog", ["Catalog", "Blocks", "Encryption", "Objects"]),
        tests(of: "Storage", ["Storage", "Blocks", "Compression", "Encryption", "Objects"]),
        tests(
            of: "Vaults",
            ["Vaults", "Catalog", "Storage", "Blocks", "Compression", "Encryption", "Objects", "CRocksDB"]),
        tests(of: "Replication", ["Replication", "S3", "Objects", nioCore, nioHTTP1, nioPosix, logging]),
        tests(of: "Backends", ["Backends", "Storage", "S3"]),
        tests(of: "Telemetry", ["Telemetry", coreMetrics]),
        tests(
            of: "Pipeline",
            [
                "Pipeline", "Blocks", "Capture", "Cleartext", "Dialects", "Exchanges", "Flows", "Objects", "Packets",
                "Telemetry", "Vaults", coreMetrics, httpTypes,
            ]),
        .testTarget(
            name: "EndToEndTests", dependencies: ["oxbow", "Capture", "Packets", "VaultExercise", "TestSupport"],
            swiftSettings: relaxed),
    ]
)
