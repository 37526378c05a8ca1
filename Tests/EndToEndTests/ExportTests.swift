import Foundation
import Testing

@Suite struct `An export of what was decrypted` {
    /// Why tshark is not asked; nil when it is.
    static let isMissing: String? = (try? Shell.run(["tshark", "--version"])) == nil ? "needs tshark" : nil

    @Test(
        .enabled(if: `An export of what was decrypted`.isMissing == nil),
        arguments: ["d20-tls13-boto3", "d21-tls12-aes128gcm", "d20-tls13-boto3-dsb"])
    func `opens in tshark without any key log, and shows what the capture shows with its own`(_ name: String) throws {
        let capture = try CaptureCase.named(name)
        let folder = try TemporaryFolder()
        let (packets, keys) = (folder / "clear.pcapng", folder / "keys.log")
        let outcome = try OxbowProgram.succeed(
            ["replay", "--vault", folder / "vault", "--dialect", "all", "--export-cleartext", packets]
                + ["--export-keys", keys] + capture.arguments)
        #expect(outcome.errors.contains("--export-keys writes TLS secrets"))
        #expect(outcome.errors.contains("--export-cleartext writes TLS secrets"))
        for path in [packets, keys] {
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        let own = try messages(packets, keyLog: nil)
        let original = try messages(capture.path, keyLog: capture.keyLog)
        #expect(!original.isEmpty)
        #expect(own == original)
        // The exported key log is enough for the original.
        #expect(try messages(capture.path, keyLog: keys) == original)
        #expect(
            try Shell.run(["tshark", "-n", "-r", packets, "-Y", "_ws.malformed or tcp.analysis.lost_segment"]).isEmpty)
        let checked = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
        let wrong = "tcp.checksum.status == 0 or ip.checksum.status == 0"
        #expect(try Shell.run(["tshark", "-n", "-r", packets, "-Y", wrong] + checked).isEmpty)
    }

    @Test func `of keys holds the secrets of the flows that were read, and no others`() throws {
        let capture = try CaptureCase.named("d21-tls12-aes128gcm")
        let folder = try TemporaryFolder()
        let given = folder / "given.log"
        let stranger = "CLIENT_RANDOM \(String(repeating: "12", count: 32)) \(String(repeating: "34", count: 48))\n"
        let log = try String(contentsOfFile: try #require(capture.keyLog), encoding: .utf8)
        try (stranger + log).write(toFile: given, atomically: true, encoding: .utf8)
        try OxbowProgram.succeed([
            "replay", "--vault", folder / "vault", capture.path, "--keys", given, "--export-keys", folder / "keys.log",
        ])
        let exported = try lines(folder / "keys.log")
        #expect(!exported.isEmpty && !exported.contains(stranger.dropLast().lowercased()))
        #expect(exported.isSubset(of: Set(log.lowercased().split(separator: "\n").map(String.init))))
        // A second run writes over nothing.
        let again = try OxbowProgram.run([
            "replay", "--vault", folder / "vault", capture.path, "--keys", given, "--export-keys", folder / "keys.log",
        ])
        #expect(again.status == 2 && again.errors.contains("nothing is written over"))
        #expect(try lines(folder / "keys.log") == exported)
    }

    @Test func `leaves out what is out of scope`() throws {
        let capture = try CaptureCase.named("d21-tls12-aes128gcm")
        let folder = try TemporaryFolder()
        try OxbowProgram.succeed(
            ["replay", "--vault", folder / "vault", "--scope", "deny host=tls12.lab", "--export-keys"]
                + [folder / "keys.log"] + capture.arguments)
        #expect(try lines(folder / "keys.log").isEmpty)
    }

    private func lines(_ path: String) throws -> Set<String> {
        Set(try String(contentsOfFile: path, encoding: .utf8).lowercased().split(separator: "\n").map(String.init))
    }

    /// The HTTP messages that tshark sees, sorted: methods, paths, status codes and lengths.
    private func messages(_ path: String, keyLog: String?) throws -> [String] {
        var command = ["tshark", "-n", "-r", path, "-Y", "http or http2.headers.method or http2.headers.status"]
        if let keyLog { command += ["-o", "tls.keylog_file:\(keyLog)"] }
        command += ["-T", "fields"]
        for field in [
            "http.request.method", "http.request.uri", "http.response.code", "http.content_length",
            "http2.headers.path",
            "http2.headers.status",
        ] { command += ["-e", field] }
        return try Shell.run(command).split(separator: "\n").map(String.init).sorted()
    }
}
