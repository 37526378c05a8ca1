import Foundation
import TestSupport
import Testing

/// Objects whose MD5 is computed while their bytes come, and compared with the cloud's ETag.
@Suite struct `Checks on arrival` {
    /// What a replay counted, and the state of each object by its key.
    private struct Outcome {
        var checked: Int
        var onArrival: Int
        var states: [String: String]
    }

    /// Processors without wide registers leave objects of several blocks to the verifier.
    private static let hasLanes =
        FileManager.default.contents(atPath: "/proc/cpuinfo")
        .map { String(decoding: $0, as: UTF8.self).contains(" avx2 ") } ?? false

    private static func bytes(_ seed: Int, _ count: Int) -> Data {
        var generator = SeededGenerator(seed: UInt64(seed))
        return Data(generator.bytes(count))
    }

    /// MD5 by a program that is not ours.
    private static func md5(_ data: Data, in folder: TemporaryFolder) throws -> String {
        try data.write(to: URL(fileURLWithPath: folder / "digested"))
        return String(try RunningProgram("/usr/bin/md5sum", [folder / "digested"]).wait().text.prefix(32))
    }

    private static let host = "Host: s3.eu-central-1.amazonaws.com"

    private static func put(_ key: String, _ body: Data, etag: String) -> HTTPCapture.Exchange {
        .init(
            ["PUT /bucket/\(key) HTTP/1.1", host, "Content-Length: \(body.count)"], body: body,
            ["HTTP/1.1 200 OK", "ETag: \"\(etag)\"", "x-amz-request-id: 1", "Content-Length: 0"])
    }

    private static func get(_ key: String, _ body: Data, etag: String, _ range: Range<Int>? = nil)
        -> HTTPCapture.Exchange
    {
        let head = range.map { ["Range: bytes=\($0.lowerBound)-\($0.upperBound - 1)"] } ?? []
        let place = range.map { ["Content-Range: bytes \($0.lowerBound)-\($0.upperBound - 1)/\(body.count)"] } ?? []
        let answer = range.map { body[$0] } ?? body
        return .init(
            ["GET /bucket/\(key) HTTP/1.1", host] + head,
            ["HTTP/1.1 \(range == nil ? 200 : 206) OK", "ETag: \"\(etag)\"", "x-amz-request-id: 2"] + place
                + ["Content-Length: \(answer.count)"], answer: Data(answer))
    }

    /// 24 connections side by side: whole objects of some 4 KiB blocks up and down, and some that are not so simple.
    private static func writeCapture(to path: String, _ folder: TemporaryFolder) throws -> [String: String] {
        var states: [String: String] = [:]
        var connections: [[HTTPCapture.Exchange]] = []
        for index in 0..<24 {
            let (up, down) = (bytes(index, 40_000 + 100 * index), bytes(100 + index, 30_000))
            connections.append([put("up-\(index)", up, etag: try md5(up, in: folder))])
            states["up-\(index)"] = "verified"
            // The first connection will lack a packet, and what follows there is held for long, and then comes at once.
            guard index > 0 else { continue }
            connections[index].append(get("down-\(index)", down, etag: try md5(down, in: folder)))
            states["down-\(index)"] = "verified"
        }
        let body = bytes(1000, 30_000)
        let etag = try md5(body, in: folder)
        // Another's ETag; the same name again with other bytes; two ranges; the same bytes again under another name.
        connections[3].append(put("wrong", body, etag: String(repeating: "ab", count: 16)))
        connections[4].append(put("up-4", body, etag: etag))
        connections[5] += [
            get("ranges", body, etag: etag, 0..<12_288), get("ranges", body, etag: etag, 12_288..<30_000),
        ]
        connections[6].append(put("same-bytes", body, etag: etag))
        // Company for these: what goes alone is left to the verifier.
        for index in 8..<24 {
            let third = bytes(200 + index, 35_000)
            connections[index].append(put("third-\(index)", third, etag: try md5(third, in: folder)))
            states["third-\(index)"] = "verified"
        }
        (states["wrong"], states["ranges"], states["same-bytes"]) = ("mismatch", "verified", "verified")
        var capture = HTTPCapture()
        capture.sideBySide(connections)
        // The tenth segment of the first connection's upload: three packets open each, then come theirs in turn.
        capture.lose(24 * 12)
        states["up-0"] = "partial"
        try capture.write(to: path)
        return states
    }

    private static func replay(_ capture: String, _ vault: String, _ arguments: [String]) throws -> Outcome {
        let outcome = try OxbowProgram.succeed(
            ["replay", capture, "--vault", vault, "--block-size", "4096", "--json"]
                + arguments.filter { $0 != "encrypted" },
            environment: hasLanes ? ["OXBOW_HASH_KERNEL": "avx2"] : [:])
        let report = try #require(try outcome.objects().first?["vault"] as? [String: Any])
        let keys = arguments.contains("--key-file") ? Array(arguments.suffix(2)) : []
        var states: [String: String] = [:]
        for object in try OxbowProgram.run(["ls", "--json", "--vault", vault] + keys).objects() {
            if let key = object["key"] as? String { states[key] = object["state"] as? String }
        }
        return Outcome(
            checked: try #require(report["versionsChecked"] as? Int),
            onArrival: try #require(report["versionsCheckedOnArrival"] as? Int), states: states)
    }

    @Test(arguments: [[], ["--hashers", "3"], ["--workers", "2"], ["--key-file"]])
    func `verify objects without reading them back, and nothing that is not what the cloud stated`(
        arguments: [String]
    ) throws {
        let folder = try TemporaryFolder()
        let expected = try Self.writeCapture(to: folder / "capture", folder)
        var arguments = arguments
        if arguments == ["--key-file"] {
            try Data(repeating: 7, count: 32).write(to: URL(fileURLWithPath: folder / "key"))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder / "key")
            arguments.append(folder / "key")
        }
        let outcome = try Self.replay(folder / "capture", folder / "vault", arguments)
        #expect(outcome.states == expected)
        // Both versions of up-4; all but the one in two ranges, the wrong one and the one that lacks a packet.
        #expect(outcome.checked == expected.count)
        if !Self.hasLanes {
            #expect(outcome.onArrival == 0)
        } else if arguments.first == "--workers" {
            // Each worker has the company of its own connections only.
            #expect(outcome.onArrival > expected.count / 3)
        } else {
            #expect(outcome.onArrival == expected.count - 2)
        }
        let keys = arguments.first == "--key-file" ? arguments : []
        let verified = try OxbowProgram.run(["verify", "--json", "--vault", folder / "vault"] + keys)
        let problems = try verified.objects().filter { $0["problems"] is [Any] }.compactMap { $0["key"] as? String }
        #expect(Set(problems).isSubset(of: ["wrong", "up-0"]), "\(problems)")
        // Again into the same vault: nothing changes.
        let again = try Self.replay(folder / "capture", folder / "vault", arguments)
        #expect(again.states == expected)
        #expect(again.onArrival == 0)
    }
}
