import Foundation
import TestSupport
import Testing

@Suite struct `TLS with the owner's secrets` {
    @Test func `a connection without a key is counted by host and bytes, in words and in JSON`() throws {
        let capture = try CaptureCase.named("d24-tls-nokeys")
        let folder = try TemporaryFolder()
        let words = try OxbowProgram.succeed(
            ["replay", "--vault", folder / "a", "--dialect", "all"] + capture.arguments)
        #expect(words.text.contains("not decrypted: 1 flows of nginx.lab, 41.4 KiB, key-missing"))
        let report = try report(capture.arguments, in: folder / "b")
        let lines = try #require(report["undecryptable"] as? [[String: Any]])
        #expect(lines.count == 1)
        #expect(lines.first?["host"] as? String == "nginx.lab" && lines.first?["reason"] as? String == "key-missing")
        #expect(lines.first?["flows"] as? Int == 1 && lines.first?["bytes"] as? Int == 42418)
        let counters = try #require(report["cleartext"] as? [String: Any])
        #expect(counters["flows"] as? Int == 4 && counters["decryptedFlows"] as? Int == 3)
    }

    @Test func `without any secrets every connection is counted`() throws {
        let capture = try CaptureCase.named("d21-tls12-aes128gcm")
        let folder = try TemporaryFolder()
        let report = try report([capture.path], in: folder / "vault")
        let lines = try #require(report["undecryptable"] as? [[String: Any]])
        #expect(lines.map { $0["reason"] as? String } == ["key-missing"])
        #expect(lines.first?["flows"] as? Int == 5 && lines.first?["host"] as? String == "tls12.lab")
        #expect(try OxbowProgram.succeed(["ls", "--vault", folder / "vault", "--json"]).text.isEmpty)
    }

    @Test func `a secrets block may stand behind the packets it is for`() throws {
        let capture = try CaptureCase.named("d20-tls13-boto3-dsb")
        let folder = try TemporaryFolder()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: capture.path))
        var others = Data()
        var secrets = Data()
        var position = 0
        while position + 12 <= bytes.count {
            let word = { (offset: Int) in (0..<4).reduce(0) { $0 | Int(bytes[position + offset + $1]) << (8 * $1) } }
            let block = bytes[position..<position + word(4)]
            if word(0) == 10 { secrets += block } else { others += block }
            position += word(4)
        }
        #expect(!secrets.isEmpty)
        let file = folder / "behind.pcapng"
        try (others + secrets).write(to: URL(fileURLWithPath: file))
        let report = try report([file], in: folder / "vault")
        let counters = try #require(report["cleartext"] as? [String: Any])
        #expect(counters["parkedFlows"] as? Int == 1 && counters["lateKeys"] as? Int == 1)
        try expect(OxbowProgram.succeed(["verify", "--vault", folder / "vault", "--json"]), toHold: capture)
        // The same packets without the block.
        try others.write(to: URL(fileURLWithPath: file))
        let without = try self.report([file], in: folder / "other")
        #expect((without["undecryptable"] as? [[String: Any]])?.first?["reason"] as? String == "key-missing")
    }

    @Test(arguments: ["d20-tls13-boto3", "d21-tls12-aes128gcm", "d24-tls-nokeys"])
    func `leaves no secret in the vault or in any output`(_ name: String) throws {
        let capture = try CaptureCase.named(name)
        let log = try String(contentsOfFile: try #require(capture.keyLog), encoding: .utf8)
        let secrets = log.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap {
            $0.split(separator: " ").last
        }
        #expect(!secrets.isEmpty)
        let folder = try TemporaryFolder()
        var outputs: [Data] = []
        for arguments in [
            ["replay", "--vault", folder / "vault", "--dialect", "all", "--json"] + capture.arguments,
            ["verify", "--vault", folder / "vault", "--json"], ["coverage", "--vault", folder / "vault", "--json"],
        ] {
            let outcome = try OxbowProgram.succeed(arguments)
            outputs += [outcome.output, Data(outcome.errors.utf8)]
        }
        let files = FileManager.default.enumerator(atPath: folder / "vault")
        while let file = files?.nextObject() as? String {
            if let content = FileManager.default.contents(atPath: folder / "vault/\(file)") { outputs.append(content) }
        }
        #expect(outputs.count > 6)
        for secret in secrets {
            let text = Data(secret.utf8)
            let raw = Data(
                stride(from: 0, to: secret.utf8.count, by: 2).compactMap { offset in
                    UInt8(secret.dropFirst(offset).prefix(2), radix: 16)
                })
            #expect(raw.count >= 32)
            for output in outputs {
                #expect(output.range(of: text) == nil && output.range(of: raw) == nil)
                #expect(output.range(of: Data(raw.base64EncodedString().utf8)) == nil)
            }
        }
    }

    @Test func `reads several key logs, and the configuration's`() throws {
        let capture = try CaptureCase.named("d21-tls12-aes128gcm")
        let folder = try TemporaryFolder()
        let lines = try String(contentsOfFile: try #require(capture.keyLog), encoding: .utf8).split(separator: "\n")
        // The last line of a log may have no line feed.
        for (index, line) in lines.enumerated() {
            try String(line).write(toFile: folder / "\(index).log", atomically: true, encoding: .utf8)
        }
        let logs = lines.indices.flatMap { ["--keys", folder / "\($0).log"] }
        #expect((try report(logs + [capture.path], in: folder / "a")["undecryptable"] as? [Any])?.isEmpty == true)
        let list = lines.indices.map { "  - \(folder / "\($0).log")" }.joined(separator: "\n")
        try "keys:\n\(list)\n".write(toFile: folder / "oxbow.yaml", atomically: true, encoding: .utf8)
        let configured = try report(["--config", folder / "oxbow.yaml", capture.path], in: folder / "b")
        #expect((configured["undecryptable"] as? [Any])?.isEmpty == true)
    }

    @Test func `a key log that cannot be read is named, and nothing is done`() throws {
        let capture = try CaptureCase.named("d21-tls12-aes128gcm")
        let folder = try TemporaryFolder()
        let outcome = try OxbowProgram.run(
            ["replay", "--vault", folder / "vault", "--keys", folder / "none.log", capture.path])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("none.log") && outcome.errors.contains("NSS key log format"))
        #expect(!FileManager.default.fileExists(atPath: folder / "vault"))
    }

    @Test(arguments: ["d23-tls13-chacha20", "d21-tls12-aes128gcm"])
    func `with one per cent of the packets missing, no harmed object is called whole`(_ name: String) throws {
        let capture = try CaptureCase.named(name)
        let folder = try TemporaryFolder()
        let whole = try Pcap(contentsOf: capture.path)
        for seed in 0..<4 {
            let kept = whole.records.enumerated().filter { ($0.offset * 2_654_435_761 >> 7 + seed) % 100 != 0 }
            let file = folder / "\(seed).pcap"
            try whole.write(kept.map(\.element)[...], to: file)
            let keys = try #require(capture.keyLog)
            try OxbowProgram.succeed([
                "replay", "--vault", folder / "v\(seed)", "--dialect", "all", "--keys", keys, file,
            ])
            let listing = try OxbowProgram.succeed(["verify", "--vault", folder / "v\(seed)", "--json"])
            let truth = try capture.truth()
            var complete = 0
            for object in try listing.objects() {
                guard ["complete", "verified"].contains(object["state"] as? String) else { continue }
                complete += 1
                let isTrue = truth.contains {
                    $0.key == object["key"] as? String && $0.sha256 == object["sha256"] as? String
                }
                #expect(isTrue, "\(object)")
            }
            #expect(complete > 0)
        }
    }

    /// The report of a replay.
    private func report(_ arguments: [String], in vault: String) throws -> [String: Any] {
        let outcome = try OxbowProgram.succeed(["replay", "--vault", vault, "--dialect", "all", "--json"] + arguments)
        return try #require(try outcome.objects().last)
    }
}
