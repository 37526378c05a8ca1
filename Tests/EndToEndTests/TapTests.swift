import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: TapRig.isMissing == nil, "\(TapRig.isMissing ?? "")"))
struct `A live tap` {
    /// What clients do all day: small and large objects, parts, reads, ranges, a copy, a delete, a rewrite.
    private let day = """
        for number in range(12): put(f"small-{number}", number * 7919)
        parts("large", 17 << 20)
        put("rewritten", 3000); put("rewritten", 70000)
        for number in range(12): s3.get_object(Bucket="bucket", Key=f"small-{number}")["Body"].read()
        s3.get_object(Bucket="bucket", Key="large", Range="bytes=100000-4000000")["Body"].read()
        s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/rewritten"); made["copy"] = made["rewritten"]
        s3.delete_object(Bucket="bucket", Key="small-3"); del made["small-3"]
        """

    @Test(arguments: [1, 3])
    func `holds what the client did, and the same as a replay of what tcpdump wrote beside it`(workers: Int) throws {
        let rig = try TapRig()
        let dump = try rig.tcpdump("vs0")
        let tap = try rig.tap(["-i", "vs0", "--workers", "\(workers)"])
        let made = try rig.s3(day)
        try rig.end(tcpdump: dump)
        let report = try tap.endTapWithReport()
        #expect(report.interfaces.allSatisfy { $0.isReconciled && $0.unread == 0 && $0.droppedByKernel == 0 })
        let live = try rig.verified("vault")
        #expect(live.mapValues(\.sha256) == made.mapValues { $0 })
        #expect(live.values.allSatisfy { $0.state == "verified" || $0.key == "large" && $0.state == "complete" })
        try OxbowProgram.succeed(["replay", "--vault", rig.folder / "replayed", rig.folder / "dump.pcap"])
        #expect(try rig.verified("replayed") == live)
    }

    @Test func `puts the two directions of a connection together that come by different interfaces`() throws {
        let rig = try TapRig()
        try rig.addPair(1)
        // To the server by the first pair, back by the second.
        try Shell.run(["ip", "-n", rig.client, "addr", "add", "10.99.0.2/32", "dev", "lo"])
        try Shell.run(["ip", "-n", rig.client, "route", "replace", "10.77.0.1/32", "dev", "vc0", "src", "10.99.0.2"])
        try Shell.run(["ip", "-n", rig.server, "route", "add", "10.99.0.2/32", "via", "10.77.1.2", "dev", "vs1"])
        for (space, name) in [(rig.client, "vc1"), (rig.client, "all"), (rig.server, "vs0"), (rig.server, "all")] {
            try Shell.run(["ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv4.conf.\(name).rp_filter=0"])
        }
        let tap = try rig.tap(["-i", "vs0", "-i", "vs1"])
        let made = try rig.s3(day)
        let report = try tap.endTapWithReport()
        for interface in report.interfaces {
            #expect(interface.isReconciled && interface.processed > 100, "\(interface.name): \(interface.processed)")
        }
        let objects = try rig.verified("vault")
        #expect(objects.mapValues(\.sha256) == made.mapValues { $0 })
        #expect(objects.values.allSatisfy { $0.gaps.isEmpty })
    }

    @Test func `ends in order on SIGTERM amid traffic, and goes on where it is started again`() throws {
        let rig = try TapRig()
        let first = try rig.tap(["-i", "vs0"])
        let client = try rig.startS3(
            """
            number = 0
            while not os.path.exists(sys.argv[0] + "never") and number < 400:
                put(f"key-{number}", random.randrange(1, 200000)); number += 1
            """)
        try rig.waitUntil("objects are durable while the tap runs") {
            try objectCount(rig) > 20
        }
        let report = try first.endTapWithReport()
        #expect(report.interfaces.allSatisfy { $0.isReconciled && $0.unread == 0 })
        let second = try rig.tap(["-i", "vs0"])
        let made = try JSONDecoder().decode([String: String].self, from: client.wait().output)
        _ = try second.endTap()
        let objects = try rig.verified("vault")
        #expect(objects.count > 20)
        for (key, object) in objects where object.state == "verified" || object.state == "complete" {
            #expect(object.sha256 == made[key], "\(key) is called \(object.state ?? "-")")
        }
    }

    @Test func `survives SIGKILL: what was durable is whole, and the next tap goes on`() throws {
        let rig = try TapRig()
        let first = try rig.tap(["-i", "vs0", "--commit-milliseconds", "200"])
        let before = try rig.s3(#"for number in range(30): put(f"before-{number}", 50000 + number)"#)
        try rig.waitUntil("30 objects are durable while the tap runs") { try objectCount(rig) == 30 }
        let client = try rig.startS3(#"for number in range(60): put(f"amid-{number}", 300000)"#)
        try rig.waitUntil("more come") { try objectCount(rig) > 30 }
        #expect(kill(try pidOfTap(first), SIGKILL) == 0)
        _ = first.wait()
        let second = try rig.tap(["-i", "vs0"])
        let amid = try JSONDecoder().decode([String: String].self, from: client.wait().output)
        let after = try rig.s3(#"for number in range(10): put(f"after-{number}", 50000 + number)"#)
        _ = try second.endTap()
        let objects = try rig.verified("vault")
        for (key, sha256) in before.merging(after, uniquingKeysWith: { $1 }) {
            #expect(objects[key]?.sha256 == sha256 && objects[key]?.state == "verified", "\(key)")
        }
        for (key, object) in objects where amid[key] != nil && object.state == "verified" {
            #expect(object.sha256 == amid[key], "\(key)")
        }
    }

    @Test func `stores the blocks of an upload while its connection is open`() throws {
        let rig = try TapRig()
        let tap = try rig.tap(["-i", "vs0", "--commit-milliseconds", "200"])
        let client = try rig.startS3(
            """
            connection = socket.create_connection(("\(TapRig.serverAddress)", \(TapRig.port)))
            connection.sendall(b"PUT /bucket/slow HTTP/1.1\\r\\nHost: \(TapRig.serverAddress):\(TapRig.port)\\r\\n"
                b"Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\\r\\n"
                b"x-amz-content-sha256: UNSIGNED-PAYLOAD\\r\\nContent-Length: 20000000\\r\\n\\r\\n")
            data = os.urandom(20000000)
            connection.sendall(data[:12000000])
            while not os.path.exists("\(rig.folder / "go")"): time.sleep(0.05)
            connection.sendall(data[12000000:])
            assert b" 200 " in connection.recv(1 << 16)
            made["slow"] = hashlib.sha256(data).hexdigest()
            """)
        try rig.waitUntil("11 MB of an open upload are on disk") {
            // The folder is made with the first block.
            let files = (try? FileManager.default.subpathsOfDirectory(atPath: rig.folder / "vault/segments")) ?? []
            let scanned = files.reduce(0) { sum, name in
                let facts = try? FileManager.default.attributesOfItem(atPath: rig.folder / "vault/segments/\(name)")
                return sum + ((facts?[.type] as? FileAttributeType) == .typeRegular ? (facts?[.size] as? Int ?? 0) : 0)
            }
            return scanned > 11_000_000
        }
        #expect(client.process.isRunning)
        _ = FileManager.default.createFile(atPath: rig.folder / "go", contents: nil)
        let made = try JSONDecoder().decode([String: String].self, from: client.wait().output)
        _ = try tap.endTap()
        #expect(try rig.verified("vault")["slow"]?.sha256 == made["slow"])
    }

    @Test func `goes on when an interface is removed, and takes it up again when it is back`() throws {
        let rig = try TapRig()
        try rig.addPair(1)
        let tap = try rig.tap(["-i", "vs0", "-i", "vs1"])
        var made = try rig.s3(#"put("one", 100000)"#, endpoint: "10.77.1.1")
        try Shell.run(["ip", "-n", rig.server, "link", "del", "vs1"])
        try rig.waitUntil("the loss is noticed") { tap.errorsSoFar.contains("vs1 was lost") }
        made.merge(try rig.s3(#"put("two", 100000)"#)) { $1 }
        try rig.addPair(1)
        try rig.waitUntil("it is back") { tap.errorsSoFar.contains("vs1 is back") }
        made.merge(try rig.s3(#"put("three", 100000)"#, endpoint: "10.77.1.1")) { $1 }
        let report = try tap.endTapWithReport()
        #expect(report.interfaces.map(\.lostTimes) == [0, 1])
        let objects = try rig.verified("vault")
        #expect(objects.mapValues(\.sha256) == made.mapValues { $0 })
    }

    @Test func `takes only what the filter lets pass, and changes filter and scope on SIGHUP`() throws {
        let rig = try TapRig()
        let config = rig.folder / "oxbow.yaml"
        try "filter: tcp port 9\n".write(toFile: config, atomically: true, encoding: .utf8)
        let tap = try rig.tap(["-i", "vs0", "--config", config])
        try rig.s3(#"put("unseen", 1000)"#)
        try "filter: tcp port \(TapRig.port)\nscope: [\"deny prefix=secret\"]\n"
            .write(toFile: config, atomically: true, encoding: .utf8)
        #expect(kill(try pidOfTap(tap), SIGHUP) == 0)
        try rig.waitUntil("it was read") { tap.errorsSoFar.contains("configuration read anew") }
        try rig.s3(#"put("seen", 1000); put("secret-one", 1000)"#)
        _ = try tap.endTap()
        #expect(try rig.verified("vault").keys.sorted() == ["seen"])
    }

    @Test func `goes on as another user, without any capability but to capture`() throws {
        let rig = try TapRig()
        let vault = rig.folder / "vault"
        try FileManager.default.createDirectory(atPath: vault, withIntermediateDirectories: false)
        try Shell.run(["chmod", "711", rig.folder.path])
        try Shell.run(["chown", "nobody", vault])
        let tap = try rig.tap(["-i", "vs0", "--user", "nobody"])
        let status = try String(contentsOfFile: "/proc/\(try pidOfTap(tap))/status", encoding: .utf8)
        let fields = Dictionary(
            status.split(separator: "\n").compactMap { line -> (String, String)? in
                let parts = line.split(separator: ":", maxSplits: 1)
                return parts.count == 2 ? (String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces)) : nil
            }, uniquingKeysWith: { $1 })
        #expect(fields["Uid"]?.hasPrefix("0") == false)
        #expect(fields["CapEff"] == "0000000000002000")
        #expect(fields["NoNewPrivs"] == "1")
        let made = try rig.s3(#"put("kept", 200000)"#)
        _ = try tap.endTap()
        #expect(try rig.verified("vault").mapValues(\.sha256) == made.mapValues { $0 })
    }

    @Test func `says what is missing when it may not capture, and when there is nothing to capture`() throws {
        let folder = try TemporaryFolder()
        try Shell.run(["chmod", "711", folder.path])
        let denied = try RunningProgram(
            "/usr/bin/env",
            [
                "setpriv", "--reuid", "65534", "--clear-groups", OxbowProgram.path, "tap", "-i", "lo", "--vault",
                folder / "v",
            ]
        ).wait()
        #expect(denied.status == 2)
        #expect(denied.errors.contains("setcap cap_net_raw+ep"))
        let absent = try OxbowProgram.run(["tap", "-i", "nosuch0", "--vault", folder / "v"])
        #expect(absent.status == 2)
        #expect(absent.errors.contains("there is no interface nosuch0; there are: lo"))
        let filter = try OxbowProgram.run(["tap", "-i", "lo", "--filter", "tcp porrt 5", "--vault", folder / "v"])
        #expect(filter.status == 2)
        #expect(filter.errors.contains("tcp porrt 5"))
        #expect(!FileManager.default.fileExists(atPath: folder / "v"), "a tap that cannot start leaves no vault behind")
    }

    @Test func `announces a new endpoint once, and runs the hook`() throws {
        let rig = try TapRig()
        let hook = "echo $OXBOW_ENDPOINT_CLOUD $OXBOW_ENDPOINT_HOST >> \(rig.folder / "hook")"
        let tap = try rig.tap(["-i", "vs0", "--commit-milliseconds", "200", "--on-new-endpoint", hook])
        try rig.s3(#"put("one", 1000); put("two", 1000)"#)
        let expected = "s3 \(TapRig.serverAddress):\(TapRig.port)\n"
        try rig.waitUntil("the hook ran") {
            (try? String(contentsOfFile: rig.folder / "hook", encoding: .utf8)) == expected
        }
        let endpoints = try tap.endTap().endpoints
        #expect(endpoints.map(\.host) == ["\(TapRig.serverAddress):\(TapRig.port)"])
        #expect(try String(contentsOfFile: rig.folder / "hook", encoding: .utf8) == expected)
    }

    @Test(.enabled(if: Freezer.isMissing == nil, "\(Freezer.isMissing ?? "")"))
    func `keeps within its memory and disk when storage stands still, names what it left out, and recovers`() throws {
        let rig = try TapRig()
        let tap = try rig.tap([
            "-i", "vs0", "--queue", "8MiB", "--spool-limit", "16MiB", "--memory", "1MiB", "--statistics", "100ms",
            "--commit-milliseconds", "200",
        ])
        let before = try rig.s3(#"put("before", 100000)"#)
        let pid = try pidOfTap(tap)
        let freezer = try Freezer(process: pid, threads: ["hasher-0"])
        // Before the rig goes, which waits for its programs.
        defer { freezer.release() }
        // Fresh connections, ten times what queue, spool and block buffers hold.
        let amid = try rig.s3(
            """
            import threading
            def work(name):
                own = boto3.client("s3", endpoint_url=s3.meta.endpoint_url, aws_access_key_id="access",
                                   aws_secret_access_key="secret", region_name="us-east-1",
                                   config=Config(s3={"addressing_style": "path"}))
                for number in range(12):
                    data = os.urandom(1500000)
                    own.put_object(Bucket="bucket", Key=f"amid-{name}-{number}", Body=data)
                    made[f"amid-{name}-{number}"] = hashlib.sha256(data).hexdigest()
            # One client library is set up at a time: it is not safe otherwise.
            threads = [threading.Thread(target=work, args=(name,)) for name in range(12)]
            for thread in threads: thread.start(); time.sleep(0.1)
            for thread in threads: thread.join()
            """)
        try rig.waitUntil("flows are left out") { try tap.tapOutput.statistics.contains { $0.isShedding } }
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let peak = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM") })
        let peakKiB = try #require(Int(peak.filter(\.isNumber)))
        // The ring 64, queue and spool arena 9, block buffers 1, RocksDB, the program itself.
        #expect(peakKiB < 300 << 10)
        freezer.release()
        try rig.waitUntil("it has caught up") {
            try tap.tapStatistics?.isShedding == false
        }
        let after = try rig.s3(#"for number in range(5): put(f"after-{number}", 300000)"#)
        let interface = try #require(try tap.endTapWithReport().interfaces.first)
        #expect(interface.isReconciled)
        #expect(interface.droppedByOverload > 0 && interface.overloadFlows > 0 && interface.spooledBytes > 0)
        #expect(interface.spoolPeakBytes <= 16 << 20 && interface.queuePeakBytes <= 9 << 20)
        #expect(try FileManager.default.contentsOfDirectory(atPath: rig.folder / "vault/spool") == [])
        let objects = try rig.verified("vault")
        for (key, sha256) in before.merging(after, uniquingKeysWith: { $1 }) {
            #expect(objects[key]?.state == "verified" && objects[key]?.sha256 == sha256, "\(key)")
        }
        for (key, object) in objects where object.state == "verified" || object.state == "complete" {
            #expect(object.sha256 == before[key] ?? amid[key] ?? after[key], "\(key)")
        }
        let harmed = objects.values.filter { $0.state == "partial" }
        #expect(harmed.allSatisfy { !$0.gaps.isEmpty })
        #expect(harmed.isEmpty || harmed.contains { $0.gaps.contains { $0.cause == "overload" } }, "\(harmed)")
    }

    @Test(.enabled(if: Freezer.isMissing == nil, "\(Freezer.isMissing ?? "")"))
    func `counts what the kernel dropped, and names it in the object that it harmed`() throws {
        let rig = try TapRig()
        let tap = try rig.tap(["-i", "vs0", "--buffer", "4MiB", "--statistics", "50ms", "--commit-milliseconds", "200"])
        let client = try rig.startS3(
            """
            def wait(name):
                while not os.path.exists("\(rig.folder.path)/" + name): time.sleep(0.02)
            connection = socket.create_connection(("\(TapRig.serverAddress)", \(TapRig.port)))
            connection.sendall(b"PUT /bucket/harmed HTTP/1.1\\r\\nHost: \(TapRig.serverAddress):\(TapRig.port)\\r\\n"
                b"Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\\r\\n"
                b"x-amz-content-sha256: UNSIGNED-PAYLOAD\\r\\nContent-Length: 20000000\\r\\n\\r\\n")
            data = os.urandom(20000000)
            connection.sendall(data[:2000000])
            wait("one")
            connection.sendall(data[2000000:16000000])
            open("\(rig.folder / "sent")", "w").close()
            wait("two")
            connection.sendall(data[16000000:])
            assert b" 200 " in connection.recv(1 << 16)
            """)
        try rig.waitUntil("the first bytes came") {
            (try tap.tapStatistics?.deliveredBytes ?? 0) > 2_000_000
        }
        let freezer = try Freezer(process: try pidOfTap(tap), threads: ["capture-0"])
        defer { freezer.release() }
        _ = FileManager.default.createFile(atPath: rig.folder / "one", contents: nil)
        try rig.waitUntil("14 MB were sent") { FileManager.default.fileExists(atPath: rig.folder / "sent") }
        freezer.release()
        try rig.waitUntil("the drops were counted") {
            (try tap.tapStatistics?.interfaces.first?.droppedByKernel ?? 0) > 0
        }
        _ = FileManager.default.createFile(atPath: rig.folder / "two", contents: nil)
        #expect(client.wait().status == 0)
        let interface = try #require(try tap.endTapWithReport().interfaces.first)
        #expect(interface.isReconciled && interface.droppedByKernel > 0)
        let harmed = try #require(try rig.verified("vault")["harmed"])
        #expect(harmed.state == "partial" && harmed.size == 20_000_000)
        #expect(!harmed.gaps.isEmpty && harmed.gaps.allSatisfy { $0.cause == "kernel-drop" }, "\(harmed.gaps)")
    }

    private func objectCount(_ rig: TapRig) throws -> Int {
        let outcome = try OxbowProgram.run(["ls", "--json", "--vault", rig.folder / "vault"])
        return outcome.status == 0 ? outcome.text.split(separator: "\n").count : 0
    }

    /// `ip netns exec` becomes the program it starts, as does `env`.
    private func pidOfTap(_ tap: RunningProgram) throws -> Int32 { tap.process.processIdentifier }
}
