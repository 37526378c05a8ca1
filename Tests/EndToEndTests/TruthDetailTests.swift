import Foundation
import TestSupport
import Testing

/// What the sums of bytes do not show: which bytes are missing and why, versions and their order, metadata, digests.
@Suite struct `Every capture gives, beside the bytes,` {
    private func replay(_ capture: CaptureCase, _ vault: String) throws {
        try OxbowProgram.succeed(["replay", "--vault", vault, "--dialect", "all", capture.path])
    }

    /// The gaps, computed from the packets that the script took out of the base capture.
    @Test func `the byte ranges of packets that were taken out`() throws {
        let capture = try CaptureCase.named("d64-gaps")
        let folder = try TemporaryFolder()
        try replay(capture, folder / "vault")
        let base = try Pcap(contentsOf: CaptureCase.named("d60-gapbase").path).records
        let kept = Set(try Pcap(contentsOf: capture.path).records)
        let truth = try capture.truth().filter { $0.kind == "event" }
        // By connection: where the client's body begins, and which of its ranges are lost.
        var first: [UInt16: UInt32] = [:]
        var heads: [UInt16: Data] = [:]
        var lost: [UInt16: [(start: UInt32, length: Int)]] = [:]
        for record in base {
            guard let segment = ClientSegment(record), !segment.payload.isEmpty else { continue }
            let start = first[segment.clientPort, default: segment.sequence]
            first[segment.clientPort] = start
            if heads[segment.clientPort, default: Data()].range(of: Data("\r\n\r\n".utf8)) == nil {
                heads[segment.clientPort, default: Data()].append(segment.payload)
            }
            guard !kept.contains(record) else { continue }
            lost[segment.clientPort, default: []].append((segment.sequence &- start, segment.payload.count))
        }
        let listed = try OxbowProgram.succeed(["ls", "--vault", folder / "vault", "--json"]).objects()
        var checked = 0
        for event in truth where event.op == "put" {
            let port = try #require(event.client_port)
            let body = try #require(heads[port]?.range(of: Data("\r\n\r\n".utf8))).upperBound
            let object = try #require(listed.first { $0["key"] as? String == event.key })
            let gaps = try #require(object["gaps"] as? [[String: Any]])
            // What a download carried whole, or the other half of, is no gap any more.
            if truth.contains(where: { $0.op == "get" && $0.key == event.key }) {
                #expect(gaps.isEmpty, "\(event.key ?? "")")
                continue
            }
            let expected = (lost[port] ?? []).map { [Int($0.start) - body, $0.length] }
            let found = gaps.map { [$0["offset"] as? Int ?? -1, $0["length"] as? Int ?? -1] }
            #expect(found == expected, "\(event.key ?? "")")
            #expect(expected.reduce(0) { $0 + $1[1] } == Int(event.missing_bytes ?? 0), "\(event.key ?? "")")
            #expect(gaps.allSatisfy { $0["cause"] as? String == "not-captured" }, "\(gaps)")
            checked += gaps.count
        }
        #expect(checked >= 5)
    }

    @Test(arguments: ["d62-cut-start", "d63-cut-end", "d64-gaps", "d65-snaplen200", "d66-gaps-keepalive"])
    func `as many missing bytes as the truth counts`(_ name: String) throws {
        let capture = try CaptureCase.named(name)
        let folder = try TemporaryFolder()
        try replay(capture, folder / "vault")
        var missing: [String: [UInt64]] = [:]
        for event in try capture.truth() where event.kind == "event" {
            missing[event.key ?? "", default: []].append(event.missing_bytes ?? 0)
        }
        for object in try OxbowProgram.succeed(["ls", "--vault", folder / "vault", "--json"]).objects() {
            let key = try #require(object["key"] as? String)
            let gaps = try #require(object["gaps"] as? [[String: Any]])
            let sum = gaps.reduce(0) { $0 + ($1["length"] as? Int ?? 0) }
            let counts = try #require(missing[key], "\(key) is in no event")
            // Two transfers may fill each other's gaps, and never lack more than the better one.
            if counts.count == 1 { #expect(sum == Int(counts[0]), "\(key): \(gaps)") }
            #expect(sum <= Int(counts.min() ?? 0), "\(key): \(gaps)")
            #expect((object["state"] as? String == "partial") == (sum > 0), "\(key)")
        }
    }

    /// Packets that the network lost were sent again; the capture has them, so nothing is missing.
    @Test(arguments: ["d15-loss", "d16-loss-cloudside"])
    func `no gap where the network lost packets and sent them again`(_ name: String) throws {
        let folder = try TemporaryFolder()
        try replay(try CaptureCase.named(name), folder / "vault")
        let objects = try OxbowProgram.succeed(["ls", "--vault", folder / "vault", "--json"]).objects()
        #expect(objects.count == 6)
        for object in objects {
            #expect((object["gaps"] as? [Any])?.isEmpty == true, "\(object)")
            #expect(object["state"] as? String == "verified", "\(object)")
        }
    }

    @Test func `version ids in their order, and which version is current`() throws {
        let capture = try CaptureCase.named("d08-versions")
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        try replay(capture, vault)
        let events = try capture.truth().filter { $0.kind == "event" && $0.key == "doc.bin" }
        let removed = Set(events.filter { $0.op == "delete" }.compactMap(\.version_id))
        let puts = events.filter { $0.op == "put" }
        let expected = puts.compactMap(\.version_id).filter { !removed.contains($0) }
        #expect(expected.count == 3)
        let name = "s3://10.77.0.2/oxdev-ver/doc.bin"
        let all = try OxbowProgram.succeed(["ls", name, "--versions", "--json", "--vault", vault]).objects()
        #expect(all.compactMap { $0["version_id"] as? String } == expected.reversed(), "newest first")
        let current = try OxbowProgram.succeed(["ls", name, "--json", "--vault", vault]).objects()
        #expect(current.compactMap { $0["version_id"] as? String } == [expected.last].compactMap(\.self))
        for put in puts where !removed.contains(put.version_id ?? "") {
            let arguments = ["cat", name, "--version-id", put.version_id ?? "", "--vault", vault]
            let bytes = try OxbowProgram.succeed(arguments).output
            #expect(try SHA256Sum.of(bytes) == put.sha256, "\(put.version_id ?? "")")
        }
        // Deleted by a marker: gone from the listing, and its bytes are kept.
        let gone = "s3://10.77.0.2/oxdev-ver/gone"
        #expect(try OxbowProgram.succeed(["ls", gone, "--json", "--vault", vault]).objects().isEmpty)
        let marked = try OxbowProgram.succeed(["ls", gone, "--deleted", "--json", "--vault", vault]).objects()
        #expect(marked.count == 1 && marked[0]["deleted"] as? Bool == true)
        #expect(try OxbowProgram.run(["cat", gone, "--vault", vault]).status == 2)
    }

    @Test func `content type, user metadata and storage class`() throws {
        let folder = try TemporaryFolder()
        for name in ["d01-boto3-basic", "d04-s3cmd", "d05-rclone-s3"] { try replay(try .named(name), folder / "vault") }
        var withType = 0
        var user: [String: [String: String]] = [:]
        var classes: Set<String> = []
        for object in try OxbowProgram.succeed(["ls", "--vault", folder / "vault", "--json"]).objects() {
            let name = try #require(object["name"] as? String)
            let stat = try #require(
                try OxbowProgram.succeed(["stat", name, "--json", "--vault", folder / "vault"]).objects().first)
            let headers = try #require(stat["headers"] as? [String: String])
            if headers["content-type"] != nil { withType += 1 }
            #expect(headers["content-type"] == stat["content_type"] as? String, "\(name)")
            #expect(headers.keys.allSatisfy { $0 == $0.lowercased() })
            user[name] = stat["user_metadata"] as? [String: String]
            if let found = stat["storage_class"] as? String { classes.insert(found) }
        }
        #expect(withType > 5)
        // What the clients sent, by the captures' own headers.
        #expect(
            user.filter { $0.key.contains("/oxdev-basic/sum/") }.values.filter { $0["origin"] == "node-1" }.count == 3)
        #expect(user.values.contains { $0["s3cmd-attrs"]?.contains("md5:b4b2c00e8b8fb0b41210d979ad3a6eef") == true })
        #expect(user.values.contains { $0["mtime"] != nil })
        #expect(classes == ["STANDARD"])
    }

    @Test func `ETags of uploads in parts, which the parts' bytes prove`() throws {
        let capture = try CaptureCase.named("d02-boto3-multipart")
        let folder = try TemporaryFolder()
        try replay(capture, folder / "vault")
        let truth = try #require(try capture.truth().first { $0.parts != nil })
        let name = "s3://10.77.0.2/oxdev-mp/big/concurrent.bin"
        let stat = try #require(
            try OxbowProgram.succeed(["stat", name, "--json", "--vault", folder / "vault"]).objects().first)
        let parts = try #require(stat["parts"] as? [[String: Any]])
        #expect(parts.map { ($0["size"] as? NSNumber)?.uint64Value } == truth.parts?.map(Optional.some))
        #expect(parts.map { $0["number"] as? Int } == Array(1...5))
        // MD5 of the parts' MD5s, by an implementation that is not ours.
        let bytes = try OxbowProgram.succeed(["cat", name, "--vault", folder / "vault"]).output
        let script = """
            import hashlib, json, sys
            data, digests = open(sys.argv[1], "rb").read(), []
            for size in json.loads(sys.argv[2]):
                digests.append(hashlib.md5(data[:size]).digest()); data = data[size:]
            print(hashlib.md5(b"".join(digests)).hexdigest() + "-%d" % len(digests))
            """
        try bytes.write(to: URL(fileURLWithPath: folder / "object"))
        let sizes = (truth.parts ?? []).map(String.init).joined(separator: ",")
        let outcome = try RunningProgram(
            "/usr/bin/env", ["python3", "-c", script, folder / "object", "[\(sizes)]"]
        ).wait()
        #expect(
            stat["etag"] as? String == outcome.text.trimmingCharacters(in: .whitespacesAndNewlines), "\(outcome.errors)"
        )
    }
}

/// A frame from a client to port 80 or above it, read without our own decoder: Ethernet, IPv4, TCP.
private struct ClientSegment {
    var clientPort: UInt16
    var sequence: UInt32
    var payload: Data

    init?(_ record: Data) {
        let frame = Array(record.dropFirst(16))
        guard frame.count >= 54, frame[12] == 8, frame[13] == 0, frame[23] == 6 else { return nil }
        let tcp = 14 + Int(frame[14] & 15) * 4
        let end = 14 + (Int(frame[16]) << 8 | Int(frame[17]))
        let ports = (
            UInt16(frame[tcp]) << 8 | UInt16(frame[tcp + 1]), UInt16(frame[tcp + 2]) << 8 | UInt16(frame[tcp + 3])
        )
        // Clients have ephemeral ports, above any that serves here.
        guard ports.0 > ports.1, end <= frame.count else { return nil }
        clientPort = ports.0
        sequence = frame[(tcp + 4)..<(tcp + 8)].reduce(0) { $0 << 8 | UInt32($1) }
        payload = Data(frame[min(end, tcp + Int(frame[tcp + 12] >> 4) * 4)..<end])
    }
}

/// `sha256sum`, which is not ours.
enum SHA256Sum {
    static func of(_ bytes: Data) throws -> String {
        let folder = try TemporaryFolder()
        try bytes.write(to: URL(fileURLWithPath: folder / "bytes"))
        return String(try RunningProgram("/usr/bin/env", ["sha256sum", folder / "bytes"]).wait().text.prefix(64))
    }
}
