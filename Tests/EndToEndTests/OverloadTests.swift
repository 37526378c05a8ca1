import Foundation
import TestSupport
import Testing

@Suite(
    .enabled(if: TapRig.isMissing == nil, "\(TapRig.isMissing ?? "")"),
    .enabled(if: Freezer.isMissing == nil, "\(Freezer.isMissing ?? "")"))
struct `A live tap whose writer crawls` {
    /// What the client sent, and by which of its ports.
    private struct Sent: Decodable {
        var sha256: String
        var port: Int
    }

    @Test func `keeps within memory, fills and drains the spool, and names each object it could not keep`() throws {
        let rig = try TapRig()
        let tap = try rig.tap([
            "-i", "vs0", "--queue", "8MiB", "--spool-limit", "16MiB", "--memory", "1MiB",
            "--statistics", "100ms", "--commit-milliseconds", "200",
        ])
        let before = try rig.s3(#"put("before", 100000)"#)
        try rig.waitUntil("it is durable") {
            let outcome = try OxbowProgram.run(["ls", "--json", "--vault", rig.folder / "vault"])
            return outcome.status == 0 && outcome.text.contains("before")
        }
        let pid = tap.process.processIdentifier
        let restingKiB = try peakKiB(pid)
        let freezer = try Freezer(process: pid, threads: ["writer"], runningMilliseconds: 1)
        defer { freezer.release() }
        let amid = try flood(rig)
        try rig.waitUntil("flows are left out") { try tap.tapOutput.statistics.contains { $0.isShedding } }
        let growthKiB = try peakKiB(pid) - restingKiB
        print("memory grew by \(growthKiB >> 10) MiB over \(restingKiB >> 10) MiB while the writer crawled")
        // The ring of 64, the queue and an arena of the spool, blocks of 1, and what the catalog keeps in memory.
        #expect(growthKiB < 160 << 10)
        freezer.release()
        try rig.waitUntil("it has caught up") {
            try tap.tapStatistics?.isShedding == false
        }
        let after = try rig.s3(#"for number in range(5): put(f"after-{number}", 300000)"#)
        let output = try tap.endTap()

        let interface = try #require(output.report?.interfaces.first)
        #expect(interface.isReconciled && interface.unread == 0)
        #expect(interface.droppedByOverload > 0)
        // Filled; not to the brim, since flows are left out as soon as packets come faster than the spool's disk takes them.
        #expect(interface.spoolPeakBytes >= 4 << 20 && interface.spoolPeakBytes <= 16 << 20)
        print("\(interface)")
        #expect(interface.queuePeakBytes <= 9 << 20)
        #expect(try FileManager.default.contentsOfDirectory(atPath: rig.folder / "vault/spool") == [])

        #expect(UInt64(output.leftOut.count) == interface.overloadFlows)
        try expectAllIsNamed(
            try rig.verified("vault"), amid, Set(output.leftOut.flatMap(\.ports)), interface.droppedByKernel)
        let objects = try rig.verified("vault")
        for (key, sha256) in before.merging(after, uniquingKeysWith: { $1 }) {
            #expect(objects[key]?.state == "verified" && objects[key]?.sha256 == sha256, "\(key)")
        }
    }

    /// Each object is whole, or says where bytes are missing and why, or went by a connection that was named as left out.
    private func expectAllIsNamed(
        _ objects: [String: TappedObject], _ sent: [String: Sent], _ leftOutPorts: Set<Int>, _ droppedByKernel: UInt64
    ) throws {
        var whole = 0
        var harmed = 0
        for (key, sent) in sent {
            guard let object = objects[key] else {
                // What the kernel dropped has no name; the ring is big enough to hold what comes.
                #expect(leftOutPorts.contains(sent.port) || droppedByKernel > 0, "\(key), \(sent.port), is nowhere")
                continue
            }
            if object.state == "verified" || object.state == "complete" {
                #expect(object.sha256 == sent.sha256, "\(object)")
                whole += 1
                continue
            }
            harmed += 1
            #expect(object.state == "partial" || object.state == "missing", "\(object)")
            let causes = Set(object.gaps.map(\.cause))
            #expect(causes.contains("overload") || droppedByKernel > 0 && causes.contains("kernel-drop"), "\(object)")
            #expect(leftOutPorts.contains(sent.port) || droppedByKernel > 0, "\(object)")
        }
        print("amid the overload, of \(sent.count) objects: \(whole) whole, \(harmed) harmed, the rest left out")
        #expect(whole < sent.count)
    }

    /// Fresh connections, one object each, many times what queue, spool and block buffers hold.
    private func flood(_ rig: TapRig) throws -> [String: Sent] {
        let program = try rig.startS3(
            """
            import threading
            def work(name):
                for number in range(28):
                    key, data = f"amid-{name}-{number}", os.urandom(700000)
                    with socket.create_connection(("\(TapRig.serverAddress)", \(TapRig.port))) as connection:
                        connection.sendall(f"PUT /bucket/{key} HTTP/1.1\\r\\nHost: \(TapRig.serverAddress):\(TapRig.port)\\r\\n"
                            "Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\\r\\n"
                            "x-amz-content-sha256: UNSIGNED-PAYLOAD\\r\\nContent-Length: 700000\\r\\n\\r\\n".encode() + data)
                        made[key] = {"sha256": hashlib.sha256(data).hexdigest(), "port": connection.getsockname()[1]}
                        assert b" 200 " in connection.recv(1 << 16)
                    # Faster than the writer by far, but not so fast that the kernel's ring overflows.
                    time.sleep(0.05)
            threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            """)
        let outcome = program.wait()
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try JSONDecoder().decode([String: Sent].self, from: outcome.output)
    }

    /// The most memory that a process ever took.
    private func peakKiB(_ pid: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM") })
        return try #require(Int(line.filter(\.isNumber)))
    }
}
