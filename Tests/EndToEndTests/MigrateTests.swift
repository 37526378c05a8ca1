import Foundation
import TestSupport
import Testing

/// `oxbow migrate` into servers that are not ours, seen by boto3, which is not ours either.
@Suite(.serialized) struct `A vault is migrated` {
    /// Captures whose objects have metadata, odd keys, parts, copies.
    private static let captures = ["d01-boto3-basic", "d02-boto3-multipart", "d04-s3cmd"]

    /// A vault of some captures.
    private func makeVault(_ path: String) throws {
        for name in Self.captures {
            try OxbowProgram.succeed(["replay", CaptureCase.named(name).path, "--vault", path])
        }
    }

    private func migrate(_ vault: String, to server: RealServer) throws -> (
        status: Int32, report: [String: Any], errors: String
    ) {
        let outcome = try OxbowProgram.run(arguments(vault, server), environment: server.environment)
        return (outcome.status, try outcome.objects().last ?? [:], outcome.errors)
    }

    private func arguments(_ vault: String, _ server: RealServer) -> [String] {
        [
            "migrate", "--vault", vault, "--create-buckets", "--json", "--parallel", "2",
            "--to", "s3://tgt/{bucket}?endpoint=http://127.0.0.1:\(server.port)&path-style=true",
        ]
    }

    private func bytesSent(_ report: [String: Any]) -> Int? {
        (report["requests"] as? [String: Any])?["bytes_sent"] as? Int
    }

    /// Compares what boto3 reads with what the vault says.
    private func expect(_ server: RealServer, toHold vault: String) throws {
        let seen = try server.objects(in: "tgt")
        let held = try OxbowProgram.succeed(["verify", "--vault", vault, "--json"]).objects()
        #expect(held.count > 15 && seen.count == held.count)
        for object in held {
            let (bucket, key) = (object["bucket"] as? String ?? "", object["key"] as? String ?? "")
            let there = try #require(seen["\(bucket)/\(key)"], "\(bucket)/\(key) is not at the target")
            #expect(there.sha256 == object["sha256"] as? String, "\(key)")
            let name = try #require(object["name"] as? String)
            let stat = try #require(
                try OxbowProgram.succeed(["stat", name, "--vault", vault, "--json"]).objects().first)
            #expect(there.metadata == stat["user_metadata"] as? [String: String], "\(key)")
            #expect(there.tags == stat["tags"] as? [String: String], "\(key)")
            if let type = object["content_type"] as? String { #expect(there.type == type, "\(key)") }
        }
    }

    @Test(.enabled(if: RealServer.motoIsMissing == nil, "python3 with moto[s3,server] and boto3 is missing"))
    func `whole and with its metadata, and a second run sends nothing`() throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        try makeVault(vault)
        let server = try RealServer.moto()
        let first = try migrate(vault, to: server)
        #expect(first.status == 0, "\(first.errors) \(first.report)")
        try expect(server, toHold: vault)
        let before = server.uploads().count
        let second = try migrate(vault, to: server)
        #expect(second.status == 0 && bytesSent(second.report) == 0, "\(second.report)")
        #expect(server.uploads().count == before)
    }

    /// Killed after the target took the 1st, 9th and 20th upload: moments of the traffic, not of the clock.
    @Test(.enabled(if: RealServer.motoIsMissing == nil, "python3 with moto[s3,server] and boto3 is missing"))
    func `to the same end when it is killed on the way, sending again only what was under way`() throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        try makeVault(vault)
        let server = try RealServer.moto()
        var kills = 0
        for moment in [1, 9, 20] {
            let run = try OxbowProgram.start(arguments(vault, server), environment: server.environment)
            while run.process.isRunning, server.uploads().count < moment { usleep(2000) }
            kill(run.process.processIdentifier, SIGKILL)
            if run.wait().status == -SIGKILL { kills += 1 }
        }
        #expect(kills > 0)
        let last = try migrate(vault, to: server)
        #expect(last.status == 0, "\(last.errors) \(last.report)")
        try expect(server, toHold: vault)
        var counts: [String: Int] = [:]
        for upload in server.uploads() { counts[upload, default: 0] += 1 }
        let twice = counts.filter { $0.value > 1 }
        // At most the transfers under way at each kill, of which the journal could not know the answer.
        #expect(twice.values.reduce(0) { $0 + $1 - 1 } <= kills * 2, "\(twice)")
        #expect(bytesSent(try migrate(vault, to: server).report) == 0)
    }

    @Test(.enabled(if: RealServer.weedIsMissing == nil, "no weed binary on PATH or in OXBOW_WEED, or no boto3"))
    func `into SeaweedFS, which refuses wrong keys by name`() throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        // No keys that are paths (`../`, `//`, `x/`): SeaweedFS keeps objects as files and refuses or rewrites those.
        for name in ["d02-boto3-multipart", "d04-s3cmd", "d60-gapbase"] {
            try OxbowProgram.succeed(["replay", CaptureCase.named(name).path, "--vault", vault])
        }
        let server = try RealServer.seaweed(folder / "weed")
        var wrong = server.environment
        wrong["AWS_SECRET_ACCESS_KEY"] = "not-the-key"
        let refused = try OxbowProgram.run(arguments(vault, server), environment: wrong)
        #expect(refused.status == 2, "\(refused.text)")
        #expect(refused.errors.contains("127.0.0.1:\(server.port)"), "\(refused.errors)")
        #expect(refused.errors.contains("403") || refused.errors.contains("Signature"), "\(refused.errors)")
        #expect(!(refused.errors + refused.text).contains("not-the-key"))
        let first = try migrate(vault, to: server)
        #expect(first.status == 0, "\(first.errors) \(first.report)")
        try expect(server, toHold: vault)
        #expect(bytesSent(try migrate(vault, to: server).report) == 0)
    }

    @Test func `not into a port that nobody listens on, which is said at once`() throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        try OxbowProgram.succeed(["replay", CaptureCase.named("d40-base").path, "--vault", vault])
        let outcome = try OxbowProgram.run(
            ["migrate", "--vault", vault, "--to", "s3://tgt/{bucket}?endpoint=http://127.0.0.1:1&path-style=true"],
            environment: ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"])
        #expect(outcome.status == 2)
        #expect(
            outcome.errors.contains("http://127.0.0.1:1") && outcome.errors.contains("refused"), "\(outcome.errors)")
    }

    @Test(.enabled(if: RealServer.motoIsMissing == nil, "python3 is missing"))
    func `not into a target that refuses, and ends when interrupted before one that is silent`() throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        try OxbowProgram.succeed(["replay", CaptureCase.named("d40-base").path, "--vault", vault])
        let refusing = try RealServer.answering("HTTP/1.1 403 Forbidden\\r\\nContent-Length: 0\\r\\n\\r\\n")
        let refused = try migrate(vault, to: refusing)
        #expect(refused.status == 2, "\(refused.report)")
        #expect(
            refused.errors.contains("403") && refused.errors.contains("127.0.0.1:\(refusing.port)"), "\(refused.errors)"
        )
        let silent = try RealServer.answering("")
        let run = try OxbowProgram.start(arguments(vault, silent), environment: silent.environment)
        // Asked, and left without an answer.
        while run.process.isRunning, silent.uploads().isEmpty { usleep(10_000) }
        kill(run.process.processIdentifier, SIGINT)
        let outcome = run.wait()
        #expect(outcome.status == 130, "\(outcome.errors)")
    }
}
