import Foundation
import TestSupport
import Testing

/// A line between `oxbow` and a server on this machine that can be slow, and cut in the middle of a request.
private final class Line {
    private let process: AttendedProcess
    private let mode: String
    let port: Int

    /// A line to `port`; the file at `mode` says how it is: `pass`, `slow` (64 KiB in a quarter of a second) or `cut`.
    init(to port: Int, mode: String) throws {
        let script = """
            import os, socket, sys, threading, time
            target, mode = int(sys.argv[1]), sys.argv[2]
            def state():
                try: return open(mode).read().strip()
                except OSError: return "pass"
            listener = socket.create_server(("127.0.0.1", 0))
            print(listener.getsockname()[1], flush=True)
            def pump(source, sink):
                try:
                    while True:
                        data = source.recv(1 << 16)
                        if not data or state() == "cut": break
                        if state() == "slow": time.sleep(0.25)
                        sink.sendall(data)
                except OSError: pass
                for end in (source, sink):
                    try: end.shutdown(socket.SHUT_RDWR)
                    except OSError: pass
            def accept():
                while True:
                    one = listener.accept()[0]
                    if state() == "cut":
                        one.close()
                        continue
                    other = socket.create_connection(("127.0.0.1", target))
                    threading.Thread(target=pump, args=(one, other), daemon=True).start()
                    threading.Thread(target=pump, args=(other, one), daemon=True).start()
            threading.Thread(target=accept, daemon=True).start()
            sys.stdin.read()
            os._exit(0)
            """
        process = try AttendedProcess(["python3", "-c", script, String(port), mode])
        self.port = try #require(process.lines.first.flatMap { Int($0) })
        self.mode = mode
    }

    func become(_ state: String) throws { try state.write(toFile: mode, atomically: true, encoding: .utf8) }
}

@Suite(.serialized) struct `A vault in a bucket` {
    private static func makeBucket(_ name: String, at server: RealServer) throws {
        let script = """
            import boto3, sys
            from botocore.config import Config
            boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id=sys.argv[2],
                aws_secret_access_key=sys.argv[3], config=Config(s3={"addressing_style": "path"})).create_bucket(Bucket=sys.argv[4])
            """
        try Shell.run(["python3", "-c", script, server.endpoint, server.accessKey, server.secretKey, name])
    }

    /// Replays captures into vaults in the bucket; then each is brought back from the bucket alone.
    private func checkTruth(
        _ captures: [CaptureCase], at server: RealServer, bucket: String = "vaults", _ folder: TemporaryFolder
    ) throws {
        let keys = server.environment
        for capture in captures {
            let (vault, again) = (folder / capture.name, folder / "\(capture.name)-again")
            let url = "s3://\(bucket)/\(capture.name)?endpoint=\(server.endpoint)"
            try OxbowProgram.succeed(
                ["vault", "init", "--vault", vault, "--backend", url, "--backend-cache", "1"], environment: keys)
            try OxbowProgram.succeed(
                ["replay", "--vault", vault, "--dialect", "all"] + capture.arguments, environment: keys)
            let verified = try OxbowProgram.succeed(["verify", "--vault", vault, "--json"], environment: keys)
            try expect(verified, toHold: capture)
            let listing = try OxbowProgram.succeed(["ls", "--vault", vault, "--json", "--deleted"], environment: keys)
                .text
            // The disk is lost.
            try FileManager.default.removeItem(atPath: vault)
            try OxbowProgram.succeed(["rebuild", "--vault", again, "--from", url], environment: keys)
            #expect(
                try OxbowProgram.succeed(["ls", "--vault", again, "--json", "--deleted"], environment: keys).text
                    == listing, "\(capture.name)")
            try expect(
                try OxbowProgram.succeed(["verify", "--vault", again, "--json"], environment: keys), toHold: capture)
        }
    }

    @Test(.enabled(if: RealServer.weedIsMissing == nil))
    func `of SeaweedFS holds what captures' truth names, and comes back from there`() throws {
        let folder = try TemporaryFolder()
        let server = try RealServer.seaweed(folder / "weed")
        try Self.makeBucket("vaults", at: server)
        // All of them take minutes on a busy machine: on request.
        let names = ["d02-boto3-multipart", "d08-versions", "d25-tls13-loss", "d27-h2c-prior", "d66-gaps-keepalive"]
        let isWhole = ProcessInfo.processInfo.environment["OXBOW_ALL_CAPTURES"] != nil
        try checkTruth(isWhole ? CaptureCase.all : names.map(CaptureCase.named), at: server, folder)
    }

    @Test(.enabled(if: RealServer.motoIsMissing == nil))
    func `of moto holds what captures' truth names, and comes back from there`() throws {
        let folder = try TemporaryFolder()
        let server = try RealServer.moto()
        try Self.makeBucket("vaults", at: server)
        let names = [
            "d01-boto3-basic", "d02-boto3-multipart", "d08-versions", "d15-loss", "d23-tls13-chacha20", "d64-gaps",
        ]
        try checkTruth(try names.map(CaptureCase.named), at: server, folder)
    }

    @Test(.enabled(if: RealServer.named != nil, "no OXBOW_S3_ENDPOINT; see Tools/s3"))
    func `of the S3 service that is named holds what captures' truth names, and comes back from there`() throws {
        let folder = try TemporaryFolder()
        let server = try #require(RealServer.named)
        let bucket = "oxbow-truth-\(UInt32.random(in: 0 ... .max))"
        try Self.makeBucket(bucket, at: server)
        try checkTruth(CaptureCase.all, at: server, bucket: bucket, folder)
    }

    @Test(.enabled(if: RealServer.motoIsMissing == nil))
    func `two that replay into one bucket at a time lose nothing`() throws {
        let folder = try TemporaryFolder()
        let server = try RealServer.moto()
        try Self.makeBucket("vaults", at: server)
        let (keys, url) = (server.environment, "s3://vaults/shared?endpoint=\(server.endpoint)")
        let captures = try ["d01-boto3-basic", "d08-versions"].map(CaptureCase.named)
        let vaults = captures.map { folder / $0.name }
        for vault in vaults {
            try OxbowProgram.succeed(["vault", "init", "--vault", vault, "--backend", url], environment: keys)
        }
        let runs = try zip(captures, vaults).map { capture, vault in
            try OxbowProgram.start(
                ["replay", "--vault", vault, "--dialect", "all"] + capture.arguments, environment: keys)
        }
        for run in runs { #expect(run.wait().status == 0) }
        let all = folder / "all"
        try OxbowProgram.succeed(["rebuild", "--vault", all, "--from", url], environment: keys)
        let found = Set(
            try OxbowProgram.succeed(["ls", "--vault", all, "--json"], environment: keys).text.split(separator: "\n"))
        for (capture, vault) in zip(captures, vaults) {
            let own = try OxbowProgram.succeed(["ls", "--vault", vault, "--json"], environment: keys).text.split(
                separator: "\n")
            #expect(!own.isEmpty && found.isSuperset(of: own), "\(capture.name)")
        }
        try OxbowProgram.succeed(["verify", "--vault", all], environment: keys)
    }

    @Test(.enabled(if: RealServer.motoIsMissing == nil))
    func `loses nothing by a slow line, a cut in the middle of an upload, and a kill`() throws {
        let folder = try TemporaryFolder()
        let server = try RealServer.moto()
        try Self.makeBucket("vaults", at: server)
        let line = try Line(to: server.port, mode: folder / "mode")
        let (keys, vault) = (server.environment, folder / "vault")
        let url = "s3://vaults/cut?endpoint=http://127.0.0.1:\(line.port)"
        try OxbowProgram.succeed(
            ["vault", "init", "--vault", vault, "--backend", url, "--seal-after", "2s", "--compression", "none"],
            environment: keys)
        let capture = try CaptureCase.named("d02-boto3-multipart")
        try line.become("slow")
        let run = try OxbowProgram.start(
            ["replay", "--vault", vault, "--dialect", "all"] + capture.arguments, environment: keys)
        // Killed while the segment is on its way: it is sealed by then, and not marked.
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline, run.process.isRunning {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: vault + "/segments")) ?? []
            if try names.contains(where: { try $0.hasSuffix(".oxs") && Self.isSealed(vault + "/segments/" + $0) }) {
                break
            }
            usleep(20_000)
        }
        kill(run.process.processIdentifier, SIGKILL)
        _ = run.wait()
        // Again, and now the line is cut: the vault's folder holds what does not get through, and says so.
        try line.become("cut")
        let second = try OxbowProgram.run(
            ["replay", "--vault", vault, "--dialect", "all"] + capture.arguments, environment: keys)
        #expect(second.errors.contains("wait in the vault's folder"), "\(second.errors)")
        let info = try OxbowProgram.succeed(["vault", "info", "--vault", vault, "--json"], environment: keys).objects()
        #expect(info.first?["segments_waiting"] as? Int ?? 0 > 0)
        // The line is mended: the next run brings everything there.
        try line.become("pass")
        try OxbowProgram.succeed(
            ["replay", "--vault", vault, "--dialect", "all"] + capture.arguments, environment: keys)
        let listing = try OxbowProgram.succeed(["ls", "--vault", vault, "--json"], environment: keys).text
        try FileManager.default.removeItem(atPath: vault)
        try OxbowProgram.succeed(["rebuild", "--vault", vault, "--from", url], environment: keys)
        #expect(try OxbowProgram.succeed(["ls", "--vault", vault, "--json"], environment: keys).text == listing)
        try expect(
            try OxbowProgram.succeed(["verify", "--vault", vault, "--json"], environment: keys), toHold: capture)
    }

    /// True when the file ends as a sealed segment does.
    private static func isSealed(_ path: String) throws -> Bool {
        guard let file = FileHandle(forReadingAtPath: path), let size = try? file.seekToEnd(), size > 4096 else {
            return false
        }
        try file.seek(toOffset: size - 96)
        return try file.read(upToCount: 8) == Data("OXBOWEND".utf8)
    }

    @Test(arguments: [
        ["--backend", "s3://vaults/x?endpoint=http://127.0.0.1:1"], ["--backend", "gs://vaults"],
        ["--segment-size", "16MiB"], ["--backend", "file:/nonexistent/x", "--segment-size", "1MiB"],
        ["--backend", "file:/nonexistent/x", "--acknowledge", "never"],
    ])
    func `what cannot be is said at once, with a remedy`(arguments: [String]) throws {
        let folder = try TemporaryFolder()
        let outcome = try OxbowProgram.run(
            ["vault", "init", "--vault", folder / "vault"] + arguments,
            environment: ["AWS_ACCESS_KEY_ID": "CANARYKEY", "AWS_SECRET_ACCESS_KEY": "CANARYSECRET"])
        #expect(
            outcome.status != 0 && !outcome.errors.isEmpty && !outcome.errors.contains("CANARY"), "\(outcome.errors)")
    }
}
