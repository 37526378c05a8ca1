// swift-tools-version: 6.2

import PackageDescription

let parsers = Target.Dependency.product(name: "OxbowParsers", package: "oxbow")

/// An executable that libFuzzer drives: a folder of that name under Sources.
func fuzzer(_ name: String) -> Target {
    .executableTarget(name: name, dependencies: ["FuzzSupport", parsers], swiftSettings: [.swiftLanguageMode(.v6)])
}

// A package of its own, so that Oxbow's build stays free of the fuzzer's flags. The name given to the dependency makes
// it independent of what the folder of the checkout is called.
let package = Package(
    name: "oxbow-fuzz",
    dependencies: [.package(name: "oxbow", path: "../..")],
    targets: [
        .target(name: "FuzzSupport", dependencies: [parsers], swiftSettings: [.swiftLanguageMode(.v6)]),
        fuzzer("FuzzFrames"), fuzzer("FuzzDecapsulation"), fuzzer("FuzzCaptures"), fuzzer("FuzzSegments"),
        fuzzer("FuzzConversation"), fuzzer("FuzzHTTP"), fuzzer("FuzzHTTP2"), fuzzer("FuzzAwsChunked"),
        fuzzer("FuzzFullPath"), fuzzer("FuzzTLSRecords"), fuzzer("FuzzTLSHandshake"), fuzzer("FuzzKeyLog"),
        .executableTarget(
            name: "MakeSeeds", dependencies: ["FuzzSupport", parsers], swiftSettings: [.swiftLanguageMode(.v6)]),
    ])
