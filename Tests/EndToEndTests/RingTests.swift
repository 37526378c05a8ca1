import Foundation
import TestSupport
import Testing

/// Several rings on one interface (PACKET_FANOUT), and the packets that the kernel shows twice.
@Suite(.serialized, .enabled(if: TapRig.isMissing == nil, "\(TapRig.isMissing ?? "")"))
struct `A live tap with several rings` {
    /// Objects by many connections, so that every ring has some; large ones whose packets come in bursts.
    private let day = """
        import threading
        def work(name):
            own = boto3.client("s3", endpoint_url=s3.meta.endpoint_url, aws_access_key_id="access",
                               aws_secret_access_key="secret", region_name="us-east-1",
                               config=Config(s3={"addressing_style": "path"}))
            for number in range(8):
                key, data = f"{name}-{number}", os.urandom(number * 60000 + name)
                own.put_object(Bucket="bucket", Key=key, Body=data)
                made[key] = hashlib.sha256(data).hexdigest()
                assert own.get_object(Bucket="bucket", Key=key)["Body"].read() == data
        # One client library is set up at a time: it is not safe otherwise.
        threads = [threading.Thread(target=work, args=(name,)) for name in range(12)]
        for thread in threads: thread.start(); time.sleep(0.1)
        for thread in threads: thread.join()
        parts("large", 17 << 20)
        """

    @Test(arguments: [1, 2, 4])
    func `holds what the client did, and each packet once, whatever the number of rings`(rings: Int) throws {
        let rig = try TapRig()
        let dump = try rig.tcpdump("vs0")
        let tap = try rig.tap(["-i", "vs0", "--rings", "\(rings)", "--workers", "\(rings)"])
        let made = try rig.s3(day)
        try rig.end(tcpdump: dump)
        let interface = try #require(try tap.endTapWithReport().interfaces.first)
        #expect(interface.isReconciled && interface.unread == 0 && interface.droppedByKernel == 0, "\(interface)")
        #expect(interface.ringReceived.count == rings && interface.ringReceived.reduce(0, +) == interface.received)
        #expect(interface.ringReceived.allSatisfy { $0 > 20 }, "every ring has its share: \(interface.ringReceived)")
        #expect(interface.droppedByOverload == 0, "\(interface)")
        let objects = try rig.verified("vault")
        #expect(Set(objects.keys) == Set(made.keys))
        for (key, object) in objects { #expect(object.sha256 == made[key], "\(object)") }
        #expect(objects.values.allSatisfy { $0.gaps.isEmpty })
        try OxbowProgram.succeed(["replay", "--vault", rig.folder / "replayed", rig.folder / "dump.pcap"])
        #expect(try rig.verified("replayed") == objects)
        // Each packet came to one ring: tcpdump has as many, but for what came before one of the two began or after it ended.
        let more = Int(try packets(rig.folder / "dump.pcap")) - Int(interface.received)
        #expect(interface.received > 1000 && abs(more) < 60, "\(more) more")
    }

    @Test func `puts together what comes in a tunnel and in fragments, by its own hash`() throws {
        let link = LiveLink.bridged(["--seed", "6", "--fragment", "620", "--shuffle", ".3"])
        let rig = try TapRig(join: link.join)
        let tap = try rig.tap(["-i", "vs0", "--rings", "2", "--workers", "2"])
        let made = try rig.s3(#"for number in range(12): put(f"cut-{number}", number * 30011)"#)
        let interface = try #require(try tap.endTapWithReport().interfaces.first)
        #expect(interface.isReconciled && interface.unread == 0, "\(interface)")
        #expect(try rig.verified("vault").mapValues(\.sha256) == made.mapValues { $0 })
    }

    @Test func `loses the interface with all its rings, and takes all up again`() throws {
        let rig = try TapRig()
        try rig.addPair(1)
        let tap = try rig.tap(["-i", "vs0", "-i", "vs1", "--rings", "2"])
        var made = try rig.s3(#"put("one", 100000)"#, endpoint: "10.77.1.1")
        try Shell.run(["ip", "-n", rig.server, "link", "del", "vs1"])
        try rig.waitUntil("the loss is noticed") { tap.errorsSoFar.contains("vs1 was lost") }
        made.merge(try rig.s3(#"put("two", 100000)"#)) { $1 }
        try rig.addPair(1)
        try rig.waitUntil("it is back") { tap.errorsSoFar.contains("vs1 is back") }
        // The second ring is at most one pause behind the first, and until then the first has everything.
        made.merge(
            try rig.s3(
                #"for number in range(8): put(f"three-{number}", 100000); time.sleep(0.1)"#, endpoint: "10.77.1.1")
        ) { $1 }
        let report = try tap.endTapWithReport()
        #expect(report.interfaces.map(\.lostTimes) == [0, 1])
        #expect(report.interfaces.allSatisfy { $0.isReconciled && $0.ringReceived.count == 2 }, "\(report.interfaces)")
        #expect(try rig.verified("vault").mapValues(\.sha256) == made.mapValues { $0 })
    }

    @Test(arguments: [["lo"], ["any"], ["lo", "--rings", "2"]])
    func `takes each packet of loopback once, though the kernel shows it twice, and says so`(_ what: [String]) throws {
        let rig = try TapRig()
        let tap = try rig.tap(["-i"] + what + ["--statistics", "100ms"])
        var made = try rig.s3(
            #"for number in range(6): put(f"in-{number}", 100000 + number)"#, in: rig.server, endpoint: "127.0.0.1")
        // What comes by another interface comes once.
        if what == ["any"] { made.merge(try rig.s3(#"put("across", 100000)"#)) { $1 } }
        let outcome = try tap.endTapWithReport()
        let interface = try #require(outcome.interfaces.first)
        #expect(interface.isReconciled && interface.unread == 0, "\(interface)")
        let across = interface.processed - interface.loopbackCopies
        #expect(interface.loopbackCopies > 20 && (across > 10) == (what == ["any"]), "\(interface)")
        #expect(try rig.verified("vault").mapValues(\.sha256) == made.mapValues { $0 })
    }

    @Test func `refuses several rings where the kernel cannot share packets out, and says what to do`() throws {
        let folder = try TemporaryFolder()
        for (arguments, words) in [
            (["-i", "any", "--rings", "2"], "'any' cannot have several rings: name the interfaces"),
            (["-i", "lo", "--rings", "0"], "there cannot be 0 rings of an interface, but 1 to 16"),
        ] {
            let outcome = try OxbowProgram.run(["tap", "--vault", folder / "v"] + arguments)
            #expect(outcome.status == 2)
            #expect(outcome.errors.contains(words), "\(outcome.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: folder / "v"))
    }

    /// The packets in a capture file, as libpcap counts them.
    private func packets(_ path: String) throws -> Int {
        try Shell.run(["tcpdump", "-nn", "-r", path]).split(separator: "\n").count
    }
}
