import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: TLSProxy.isMissing == nil, "\(TLSProxy.isMissing ?? "")"))
struct `A live tap of TLS` {
    /// What clients do: boto3 with small and large objects, parts, reads; curl by HTTP/1.1 and by HTTP/2.
    private let day = """
        for number in range(6): put(f"small-{number}", number * 7919)
        parts("large", 12 << 20)
        for number in range(6): s3.get_object(Bucket="bucket", Key=f"small-{number}")["Body"].read()
        s3.get_object(Bucket="bucket", Key="large", Range="bytes=100000-4000000")["Body"].read()
        curl("curl-1", 300000, "--http1.1"); curl("curl-2", 400000, "--http2")
        curl("curl-empty", 0, "--http2")
        """

    @Test(arguments: [(13, 0), (12, 0), (13, 50), (12, 50), (13, 500), (12, 500), (13, 5_000), (12, 5_000)])
    func `holds what the clients did, however late the key log's lines`(_ version: Int, _ delay: Int) throws {
        let rig = try TapRig()
        let proxy = try TLSProxy(rig)
        let export = rig.folder / "clear.pcapng"
        let tap = try rig.tap([
            "-i", "vs0", "--keys", rig.folder / "late.log", "--statistics", "100ms", "--export-cleartext", export,
        ])
        try rig.waitUntil("the user is told") { tap.errorsSoFar.contains("is not there yet") }
        let copier = try SlowKeyLog(from: rig.folder / "keys.log", to: rig.folder / "late.log", milliseconds: delay)
        let made = try proxy.s3(day, version: version, keys: rig.folder / "keys.log")
        let size = { (name: String) in
            (try? FileManager.default.attributesOfItem(atPath: rig.folder / name)[.size]) as? Int ?? -1
        }
        try rig.waitUntil("the last line was copied") { size("late.log") == size("keys.log") }
        let report = try end(tap)
        withExtendedLifetime(copier) {}
        let objects = try rig.verified("vault")
        #expect(objects.mapValues(\.sha256) == made.mapValues { $0 })
        #expect(objects.values.allSatisfy { $0.gaps.isEmpty })
        #expect(report.undecryptable.isEmpty, "\(report.undecryptable)")
        #expect(report.cleartext["decryptedFlows"] == report.cleartext["flows"])
        #expect(report.cleartext[version == 12 ? "version12" : "version13"] == report.cleartext["flows"])
        #expect(report.cleartext["http2Sessions"] == 2)
        if delay >= 500 { #expect(report.cleartext["lateKeys", default: 0] > 0) }
        #expect(report.cleartext["exportedFlows"] == report.cleartext["flows"])
        guard `An export of what was decrypted`.isMissing == nil else { return }
        let puts = #"http.request.method == "PUT" or http2.headers.method == "PUT""#
        let paths = try Shell.run([
            "tshark", "-n", "-r", export, "-Y", puts, "-T", "fields", "-e", "http.request.uri", "-e",
            "http2.headers.path",
        ])
        for key in made.keys { #expect(paths.contains("/bucket/\(key)"), "\(key) of \(paths)") }
    }

    @Test func `leaves no secret in the vault, on the disk while it waits, or in any output`() throws {
        let rig = try TapRig()
        let proxy = try TLSProxy(rig)
        let tap = try rig.tap([
            "-i", "vs0", "--keys", rig.folder / "keys.log", "--key-memory", "1MiB", "--statistics", "50ms",
            "--commit-milliseconds", "100", "--key-wait", "5m", "--metrics-port", "0",
        ])
        let dump = try rig.tcpdump("vs0")
        // The handshakes' lines come at once, those for the data only when much has gathered on disk.
        let made = try proxy.s3(
            "put('one', 3000000); parts('two', 12000000); curl('three', 2000000, '--http2')",
            keys: rig.folder / "all.log")
        let log = try String(contentsOfFile: rig.folder / "all.log", encoding: .utf8)
        let spool = rig.folder / "vault/spool/keys.spool"
        try rig.waitUntil("ciphertext waits on disk") {
            ((try? FileManager.default.attributesOfItem(atPath: spool)[.size]) as? Int ?? 0) > 10_000_000
        }
        let words = log.split(separator: "\n").filter { $0.contains("HANDSHAKE") }
        try (words.joined(separator: "\n") + "\n").write(
            toFile: rig.folder / "keys.log", atomically: true, encoding: .utf8)
        usleep(300_000)
        var places = [("the spool", FileManager.default.contents(atPath: spool) ?? Data())]
        try log.write(toFile: rig.folder / "keys.log", atomically: true, encoding: .utf8)
        usleep(300_000)
        let page = try Shell.run(["ip", "netns", "exec", rig.server, "curl", "-sf", try tap.metricsAddress()])
        #expect(page.contains("oxbow_tls_flows_total"))
        try rig.end(tcpdump: dump)
        tap.process.terminate()
        let outcome = tap.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let replay = ["replay", "--vault", rig.folder / "replayed", "--keys", rig.folder / "all.log"]
        let replays = try [[], ["--json"]].map { try OxbowProgram.succeed(replay + $0 + [rig.folder / "dump.pcap"]) }
        places.append(("the metrics", Data(page.utf8)))
        for (place, one) in [("the tap", outcome), ("a replay", replays[0]), ("a replay with --json", replays[1])] {
            places += [("the output of \(place)", one.output), ("the errors of \(place)", Data(one.errors.utf8))]
        }
        for vault in [rig.folder / "vault", rig.folder / "replayed"] {
            for file in FileManager.default.enumerator(atPath: vault)?.allObjects as? [String] ?? [] {
                if let content = FileManager.default.contents(atPath: "\(vault)/\(file)") {
                    places.append((file, content))
                }
            }
        }
        #expect(try rig.verified("vault").mapValues(\.sha256) == made.mapValues { $0 })
        let secrets = log.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap {
            $0.split(separator: " ").last
        }
        #expect(secrets.count > 8 && places.count > 20)
        for secret in secrets {
            let digits = Array(secret)
            let raw = Data(
                stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                    UInt8(String(digits[$0...$0 + 1]), radix: 16)
                })
            for needle in [
                Data(secret.utf8), Data(secret.uppercased().utf8), raw, Data(raw.base64EncodedString().utf8),
            ] {
                for (place, content) in places where content.range(of: needle) != nil {
                    Issue.record("a secret stands in \(place)")
                }
            }
        }
    }

    @Test func `names host and bytes of what has no key, within its limits, and reads all others meanwhile`() throws {
        let rig = try TapRig()
        let proxy = try TLSProxy(rig)
        let tap = try rig.tap([
            "-i", "vs0", "--keys", rig.folder / "keys.log", "--key-memory", "1MiB", "--key-spool-limit", "8MiB",
            "--key-flow-limit", "4MiB", "--key-wait", "5m", "--commit-milliseconds", "200",
        ])
        // 40 MB that stay unread, by many connections; the first alone is beyond its limit.
        let unread = """
            curl("unread-name", 13000000, "--http1.1")
            for number in range(9): s3 = client(); put(f"unread-{number}", 3000000)
            """
        try proxy.s3(unread, keys: nil)
        // Small: what waits for some milliseconds is never the largest.
        let made = try proxy.s3(
            """
            for number in range(6): put(f"small-{number}", number * 7919)
            curl("curl-1", 100000, "--http1.1"); curl("curl-2", 100000, "--http2")
            """, keys: rig.folder / "keys.log")
        let spool = rig.folder / "vault/spool/keys.spool"
        let size = (try? FileManager.default.attributesOfItem(atPath: spool)[.size]) as? Int ?? 0
        // What each chunk carries beside its bytes is less than 1 %.
        #expect(size > 0 && size <= 8_500_000)
        let report = try end(tap)
        #expect(try FileManager.default.contentsOfDirectory(atPath: rig.folder / "vault/spool") == [])
        let objects = try rig.verified("vault")
        #expect(objects.mapValues(\.sha256) == made.mapValues { $0 })
        #expect(report.cleartext["parkedFlowLimit", default: 0] >= 1)
        #expect(report.cleartext["parkedTotalLimit", default: 0] >= 1)
        #expect(report.cleartext["spooledBytes", default: 0] > 4 << 20)
        #expect(report.cleartext["spoolPeakBytes", default: .max] <= 8 << 20)
        #expect(report.cleartext["parkedPeakBytes", default: .max] <= (1 << 20) + (128 << 10))
        let lines = Dictionary(grouping: report.undecryptable, by: \.host)
        #expect(lines.keys.sorted() == [TapRig.serverAddress, TLSProxy.name].sorted())
        #expect(report.undecryptable.allSatisfy { $0.reason == "key-missing" })
        #expect(lines[TLSProxy.name]?.first?.flows == 1)
        #expect(lines[TLSProxy.name]?.first?.bytes ?? 0 > 13_000_000)
        #expect(lines[TapRig.serverAddress]?.first?.flows ?? 0 >= 9)
        #expect(lines[TapRig.serverAddress]?.first?.bytes ?? 0 > 27_000_000)
    }

    @Test func `gives up after the wait, and says so`() throws {
        let rig = try TapRig()
        let proxy = try TLSProxy(rig)
        let tap = try rig.tap([
            "-i", "vs0", "--keys", rig.folder / "keys.log", "--key-wait", "300ms", "--statistics", "50ms",
        ])
        try proxy.s3(#"put("unread", 100000); time.sleep(1)"#, keys: rig.folder / "keys-too-late.log")
        try FileManager.default.moveItem(atPath: rig.folder / "keys-too-late.log", toPath: rig.folder / "keys.log")
        let made = try proxy.s3(#"put("read", 100000)"#, keys: rig.folder / "keys.log")
        let report = try end(tap)
        #expect(try rig.verified("vault").mapValues(\.sha256) == made.mapValues { $0 })
        #expect(report.cleartext["keyWaitExpired", default: 0] >= 1)
        #expect(report.undecryptable.map(\.reason) == ["key-missing"])
    }

    @Test func `follows a key log that is rotated, and opens it as another user`() throws {
        let rig = try TapRig()
        let proxy = try TLSProxy(rig)
        try FileManager.default.createDirectory(atPath: rig.folder / "vault", withIntermediateDirectories: false)
        try Shell.run(["chmod", "711", rig.folder.path])
        try Shell.run(["chown", "nobody", rig.folder / "vault"])
        let log = rig.folder / "keys.log"
        // There from the start, and for root alone: opened before privileges go, but not after.
        _ = FileManager.default.createFile(atPath: log, contents: nil, attributes: [.posixPermissions: 0o600])
        let tap = try rig.tap(["-i", "vs0", "--user", "nobody", "--keys", log])
        try rig.waitUntil("the user's rights are looked at") {
            tap.errorsSoFar.contains("could not be opened again once it is rotated")
        }
        var made = try proxy.s3(#"put("one", 100000)"#, keys: log)
        try FileManager.default.moveItem(atPath: log, toPath: log + ".1")
        _ = FileManager.default.createFile(atPath: log, contents: nil, attributes: [.posixPermissions: 0o600])
        try rig.waitUntil("the refusal is told") { tap.errorsSoFar.contains("let the user that oxbow runs as read it") }
        made.merge(try proxy.s3(#"put("two", 100000)"#, keys: log)) { $1 }
        try Shell.run(["chmod", "644", log])
        kill(tap.process.processIdentifier, SIGHUP)
        try rig.waitUntil("the logs were opened anew") { tap.errorsSoFar.contains("configuration read anew") }
        made.merge(try proxy.s3(#"put("three", 100000)"#, keys: log)) { $1 }
        let report = try end(tap)
        #expect(report.undecryptable.isEmpty)
        #expect(try rig.verified("vault").mapValues(\.sha256) == made.mapValues { $0 })
    }

    @Test func `refuses a key log that cannot be read, and leaves no vault`() throws {
        let folder = try TemporaryFolder()
        let outcome = try OxbowProgram.run(["tap", "-i", "lo", "--keys", folder.path, "--vault", folder / "v"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("is no file; name a file in the NSS key log format"))
        #expect(!FileManager.default.fileExists(atPath: folder / "v"))
    }

    private func end(_ tap: RunningProgram) throws -> TLSReport {
        tap.process.terminate()
        let outcome = tap.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let line = try #require(outcome.text.split(separator: "\n").last, "no report: \(outcome.errors)")
        return try JSONDecoder().decode(TLSReport.self, from: Data(line.utf8))
    }
}

/// What a report says of TLS.
struct TLSReport: Decodable {
    struct Line: Decodable {
        var host: String
        var reason: String
        var flows: UInt64
        var bytes: UInt64
    }

    var cleartext: [String: UInt64]
    var undecryptable: [Line]
}
