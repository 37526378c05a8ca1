import Foundation
import TestSupport
import Testing

/// Traces of TLS that other projects published, read beside tshark.
///
/// They are looked for in `../shared/captures/public` beside the repository, or in the folder that OXBOW_PUBLIC_CAPTURES
/// names, with a key log of the same name and `.keys` where there is one. None of it is part of the repository.
@Suite struct `Public traces of TLS` {
    /// An object: what was transferred, told by size and digest.
    private struct Content: Hashable, CustomStringConvertible {
        var size: Int
        var sha256: String
        var description: String { "\(size) bytes, SHA-256 \(sha256.prefix(12))" }
    }

    /// What tshark calls an object and Oxbow rightly does not, by trace: sizes, and why.
    private static let differences: [String: (sizes: Set<Int>, reason: String)] = [
        "wireshark-tls13-rfc8446": ([52, 53, 54], "requests without Host name no object"),
        "suricata-http2-continuation": ([24], "it is the connection preface of HTTP/2 (RFC 9113 §3.4)"),
        "suricata-http2-range_http2-range": ([11], "ranges, which Oxbow joins to their object"),
    ]

    static let folder: URL = {
        if let named = ProcessInfo.processInfo.environment["OXBOW_PUBLIC_CAPTURES"], !named.isEmpty {
            return URL(fileURLWithPath: named)
        }
        return CaptureCase.folder.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("shared/captures/public")
    }()

    static let tshark: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/tshark" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    static let traces: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter {
            ($0.hasSuffix(".pcap") || $0.hasSuffix(".pcapng")) && ($0.contains("tls") || $0.contains("http2"))
        }.sorted()
    }()

    @Test(
        .enabled(if: tshark != nil, "tshark is not installed"),
        .enabled(if: !traces.isEmpty, "no traces in \(folder.path); OXBOW_PUBLIC_CAPTURES names another folder"),
        arguments: traces)
    func `give the objects that tshark finds`(_ trace: String) throws {
        let folder = try TemporaryFolder()
        let path = Self.folder.appendingPathComponent(trace).path
        let stem = trace.prefix { $0 != "." }
        let log = Self.folder.appendingPathComponent("\(stem).keys").path
        let keys = FileManager.default.fileExists(atPath: log) ? log : nil
        try OxbowProgram.succeed(
            ["replay", "--vault", folder / "vault", "--dialect", "all"] + (keys.map { ["--keys", $0] } ?? []) + [path])
        let found = try contents(ofVault: folder / "vault")
        let expected = try exported(path, keys, into: folder / "objects")
        let difference = Self.differences[String(stem)]
        for content in expected where difference?.sizes.contains(content.size) != true {
            #expect(found.contains(content), "\(trace): tshark has \(content)")
        }
        let listed = expected.map(\.size).filter { difference?.sizes.contains($0) == true }
        #expect(Set(listed) == difference?.sizes ?? [], "tshark differs otherwise than it did: \(listed)")
    }

    @Test(.enabled(if: !traces.isEmpty, "no traces in \(folder.path); OXBOW_PUBLIC_CAPTURES names another folder"))
    func `of RFC 8446's final version, with 0-RTT data, give three whole exchanges`() throws {
        let folder = try TemporaryFolder()
        let stem = Self.folder.appendingPathComponent("wireshark-tls13-rfc8446").path
        let outcome = try OxbowProgram.succeed([
            "replay", "--vault", folder / "vault", "--dialect", "all", "--json", "--keys", stem + ".keys",
            stem + ".pcap",
        ])
        let report = try #require(try outcome.objects().last)
        let cleartext = try #require(report["cleartext"] as? [String: Any])
        let exchanges = try #require(report["exchanges"] as? [String: Any])
        #expect(cleartext["decryptedFlows"] as? Int == 2 && cleartext["earlyDataFlows"] as? Int == 1)
        #expect(exchanges["completeExchanges"] as? Int == 3)
    }

    private func contents(ofVault vault: String) throws -> Set<Content> {
        let listing = try OxbowProgram.succeed(["verify", "--vault", vault, "--json"])
        return Set(
            try listing.objects().compactMap {
                guard let size = $0["size"] as? Int, let digest = $0["sha256"] as? String else { return nil }
                return Content(size: size, sha256: digest)
            })
    }

    private func exported(_ path: String, _ keys: String?, into folder: String) throws -> Set<Content> {
        _ = try run(
            try #require(Self.tshark),
            ["-r", path, "-q", "--export-objects", "http,\(folder)"]
                + (keys.map { ["-o", "tls.keylog_file:\($0)"] } ?? []))
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return Set(
            try names.map { name in
                let file = "\(folder)/\(name)"
                let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
                // A backslash before the digest says that the name was escaped.
                let line = try run("/usr/bin/sha256sum", [file]).drop { $0 == "\\" }
                return Content(size: try #require(size), sha256: String(line.prefix(64)))
            })
    }

    private func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(program) \(arguments)")
        return String(decoding: output, as: UTF8.self)
    }
}
