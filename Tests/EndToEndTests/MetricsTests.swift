import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: TapRig.isMissing == nil, "\(TapRig.isMissing ?? "")"))
struct `The metrics of a live tap` {
    @Test func `agree with the report at the end and with the vault, while S3 traffic runs`() throws {
        let rig = try TapRig()
        let tap = try rig.tap(["-i", "vs0", "--metrics-port", "0", "--commit-milliseconds", "200"])
        let url = try tap.metricsAddress()
        let made = try rig.s3(
            """
            for number in range(40): put(f"key-{number}", 3000 + number * 1000)
            s3.put_object(Bucket="bucket", Key="again", Body=b"x" * 200000)
            s3.put_object(Bucket="bucket", Key="and-again", Body=b"x" * 200000)
            made["again"] = made["and-again"] = hashlib.sha256(b"x" * 200000).hexdigest()
            """)
        var scrape: [String: Double] = [:]
        try rig.waitUntil("everything is counted: \(scrape)") {
            scrape = try self.scrape(url, rig)
            let known = ["verified", "complete"].reduce(0) { $0 + (scrape["oxbow_objects{state=\"\($1)\"}"] ?? 0) }
            return Int(known) == made.count
                && scrape["oxbow_http_responses_total"] == scrape["oxbow_http_requests_total"]
        }
        #expect(try page(url.replacingOccurrences(of: "/metrics", with: "/healthz"), rig) == "ok\n")
        let report = try tap.endTapWithReport()
        let interface = try #require(report.interfaces.first)
        let expected: [String: UInt64] = [
            #"oxbow_received_packets_total{interface="vs0"}"#: interface.received,
            #"oxbow_processed_packets_total{interface="vs0"}"#: interface.processed,
            #"oxbow_captured_bytes_total{interface="vs0"}"#: interface.capturedBytes,
            #"oxbow_dropped_packets_total{cause="kernel",interface="vs0"}"#: interface.droppedByKernel,
            "oxbow_frames_total": report.packets,
            "oxbow_tcp_delivered_bytes_total": report.flows["deliveredBytes"] ?? 0,
            "oxbow_http_requests_total": report.exchanges["requests"] ?? 0,
            "oxbow_payload_bytes_total": report.dialects["payload-bytes"] ?? 0,
            #"oxbow_exchanges_total{operation="s3.PutObject"}"#: report.dialects["exchanges.s3.PutObject"] ?? 0,
            #"oxbow_blocks_total{state="new"}"#: report.vault.newBlocks,
            #"oxbow_blocks_total{state="known"}"#: report.vault.blocks - report.vault.newBlocks,
            #"oxbow_block_bytes_total{state="new"}"#: report.vault.newBlockBytes,
        ]
        // The wire is never quite still: a neighbour's question may come between the last scrape and the end.
        let late = ["packets": 30.0, "frames": 30.0, "captured_bytes": 3000.0]
        for (name, value) in expected {
            let after = Double(value) - (scrape[name] ?? -1)
            let room = late.first { name.contains("_\($0.key)_total") }?.value ?? 0
            #expect((0...room).contains(after), "\(name): \(after) more at the end")
        }
        #expect(report.vault.newBlocks > 40 && report.vault.blocks > report.vault.newBlocks)
        #expect((scrape["oxbow_commit_duration_seconds_count"] ?? 0) >= 1)
        #expect(scrape["oxbow_commit_duration_seconds_count"] == scrape["oxbow_commits_total"])
        #expect((scrape["process_resident_memory_bytes"] ?? 0) > 1_000_000)
        #expect(try rig.verified("vault").mapValues(\.sha256) == made.mapValues { $0 })
        #expect(throws: (any Error).self, "the port is closed with the tap") { try page(url, rig) }
    }

    @Test func `are served by a tap that gave up root, on a port for which it needed root`() throws {
        let rig = try TapRig()
        let vault = rig.folder / "vault"
        try FileManager.default.createDirectory(atPath: vault, withIntermediateDirectories: false)
        try Shell.run(["chmod", "711", rig.folder.path])
        try Shell.run(["chown", "nobody", vault])
        // A namespace of its own, so the port is free.
        let tap = try rig.tap(["-i", "vs0", "--user", "nobody", "--metrics-port", "99"])
        let url = try tap.metricsAddress()
        #expect(url == "http://127.0.0.1:99/metrics")
        try rig.waitUntil("the tap is counted") {
            try scrape(url, rig)[#"oxbow_interface_up{interface="vs0"}"#] == 1
        }
        for task in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(tap.process.processIdentifier)/task") {
            let status = try String(
                contentsOfFile: "/proc/\(tap.process.processIdentifier)/task/\(task)/status", encoding: .utf8)
            #expect(status.contains("CapEff:\t0000000000002000\n") && !status.contains("Uid:\t0\t"), "thread \(task)")
        }
        _ = try tap.endTap()
    }

    @Test func `end the start with a clear error when the port is taken, and leave no vault behind`() throws {
        let rig = try TapRig()
        let first = try rig.tap(["-i", "vs0", "--metrics-port", "9464"])
        let second = try RunningProgram(
            "/usr/bin/env",
            [
                "ip", "netns", "exec", rig.server, OxbowProgram.path, "tap", "-i", "vs0", "--vault",
                rig.folder / "second", "--metrics-port", "9464",
            ]
        ).wait()
        #expect(second.status == 2)
        #expect(second.errors.contains("metrics cannot be served at 127.0.0.1:9464"))
        #expect(second.errors.contains("another program listens there"))
        #expect(!FileManager.default.fileExists(atPath: rig.folder / "second"))
        _ = try first.endTap()
    }

    @Test func `show limits that SIGHUP changed, and the vault commits by the new ones`() throws {
        let rig = try TapRig()
        let config = rig.folder / "oxbow.yaml"
        func configure(_ text: String) throws { try text.write(toFile: config, atomically: true, encoding: .utf8) }
        try configure("queue: 32MiB\nspool-limit: 64MiB\ncommit-milliseconds: 3600000\nmemory: 8MiB\n")
        let tap = try rig.tap(["-i", "vs0", "--config", config, "--metrics-port", "0"])
        let url = try tap.metricsAddress()
        let (queue, spool) = (
            #"oxbow_queue_limit_bytes{interface="vs0"}"#, #"oxbow_spool_limit_bytes{interface="vs0"}"#
        )
        try rig.waitUntil("the first limits hold") {
            let scrape = try scrape(url, rig)
            return scrape[queue] == Double(32 << 20) && scrape[spool] == Double(64 << 20)
        }
        let made = try rig.s3(#"put("one", 100000)"#)
        try rig.waitUntil("the upload was stored") {
            try scrape(url, rig)["oxbow_blocks_total{state=\"new\"}"] ?? 0 >= 2
        }
        #expect(try scrape(url, rig)["oxbow_commits_total"] == 0)
        try configure("queue: 16MiB\nspool-limit: 0\ncommit-milliseconds: 100\n")
        #expect(kill(tap.process.processIdentifier, SIGHUP) == 0)
        try rig.waitUntil("the second limits hold, and what waited was committed") {
            let scrape = try scrape(url, rig)
            return scrape[queue] == Double(16 << 20) && scrape[spool] == 0 && (scrape["oxbow_commits_total"] ?? 0) > 0
        }
        try configure("queue: none\n")
        #expect(kill(tap.process.processIdentifier, SIGHUP) == 0)
        try rig.waitUntil("a file that is wrong is refused") { tap.errorsSoFar.contains("all stays as it was") }
        #expect(try scrape(url, rig)[queue] == Double(16 << 20))
        _ = try tap.endTap()
        #expect(try rig.verified("vault").mapValues(\.sha256) == made.mapValues { $0 })
    }

    @Test func `name the time when an interface was away in the object that it harmed`() throws {
        let rig = try TapRig()
        try rig.addPair(1)
        // The client reaches the server's 10.99.0.1 by the second pair, which is tapped, or by the first, which is not.
        for (space, host) in [(rig.server, 1), (rig.client, 2)] {
            try Shell.run(["ip", "-n", space, "addr", "add", "10.99.0.\(host)/32", "dev", "lo"])
            try Shell.run(["ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"])
        }
        func route(by pair: Int) throws {
            try Shell.run([
                "ip", "-n", rig.client, "route", "replace", "10.99.0.1/32", "via", "10.77.\(pair).1", "src",
                "10.99.0.2",
            ])
            try Shell.run([
                "ip", "-n", rig.server, "route", "replace", "10.99.0.2/32", "via", "10.77.\(pair).2", "src",
                "10.99.0.1",
            ])
        }
        try route(by: 1)
        let tap = try rig.tap(["-i", "vs1", "--metrics-port", "0", "--commit-milliseconds", "200"])
        let url = try tap.metricsAddress()
        let client = try rig.startS3(
            """
            def wait(name):
                while not os.path.exists("\(rig.folder.path)/" + name): time.sleep(0.02)
            connection = socket.create_connection(("10.99.0.1", \(TapRig.port)))
            connection.sendall(b"PUT /bucket/harmed HTTP/1.1\\r\\nHost: 10.99.0.1:\(TapRig.port)\\r\\n"
                b"Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\\r\\n"
                b"x-amz-content-sha256: UNSIGNED-PAYLOAD\\r\\nContent-Length: 3000000\\r\\n\\r\\n")
            data = os.urandom(3000000)
            connection.sendall(data[:1000000])
            wait("one")
            connection.sendall(data[1000000:2000000])
            import fcntl, struct, termios
            while struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"    "))[0]: time.sleep(0.02)
            open("\(rig.folder / "sent")", "w").close()
            wait("two")
            connection.sendall(data[2000000:])
            assert b" 200 " in connection.recv(1 << 16)
            """)
        try rig.waitUntil("the first bytes came") {
            (try scrape(url, rig)["oxbow_tcp_delivered_bytes_total"] ?? 0) >= 1_000_000
        }
        try Shell.run(["ip", "-n", rig.server, "link", "del", "vs1"])
        try rig.waitUntil("the loss is noticed") { tap.errorsSoFar.contains("vs1 was lost") }
        try rig.waitUntil("the loss is counted") {
            try scrape(url, rig)[#"oxbow_interface_up{interface="vs1"}"#] == 0
        }
        #expect(
            try page(url.replacingOccurrences(of: "/metrics", with: "/healthz"), rig) == "ok\ninterface vs1 is away\n")
        try route(by: 0)
        _ = FileManager.default.createFile(atPath: rig.folder / "one", contents: nil)
        try rig.waitUntil("a third was sent while it was away") {
            FileManager.default.fileExists(atPath: rig.folder / "sent")
        }
        try rig.addPair(1)
        try rig.waitUntil("it is back") { tap.errorsSoFar.contains("vs1 is back") }
        try route(by: 1)
        _ = FileManager.default.createFile(atPath: rig.folder / "two", contents: nil)
        #expect(client.wait().status == 0)
        _ = try tap.endTap()
        let harmed = try #require(try rig.verified("vault")["harmed"])
        #expect(harmed.state == "partial" && harmed.size == 3_000_000)
        #expect(!harmed.gaps.isEmpty && harmed.gaps.allSatisfy { $0.cause == "outage" }, "\(harmed.gaps)")
    }

    private func page(_ url: String, _ rig: TapRig) throws -> String {
        try Shell.run(["ip", "netns", "exec", rig.server, "curl", "--fail", "--silent", "--max-time", "10", url])
    }

    /// Every sample, by its name and labels as they are written.
    private func scrape(_ url: String, _ rig: TapRig) throws -> [String: Double] {
        var samples: [String: Double] = [:]
        for line in try page(url, rig).split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " ") else { continue }
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
        return samples
    }
}
