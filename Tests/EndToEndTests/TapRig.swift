import Foundation
import TestSupport
import Testing

/// Two network namespaces, the server's and the client's, joined by veth pairs; a real S3 server in the one. Everything
/// goes when the value goes.
final class TapRig {
    /// Why taps are not tested; nil when they are.
    static let isMissing: String? = {
        if getuid() != 0 { return "needs root to make network namespaces" }
        guard (try? Shell.run(["ip", "-V"])) != nil else { return "needs ip (iproute2)" }
        let name = "oxprobe\(getpid())"
        guard (try? Shell.run(["ip", "netns", "add", name])) != nil else {
            return "network namespaces may not be made here"
        }
        defer { _ = try? Shell.run(["ip", "netns", "del", name]) }
        guard (try? Shell.run(["ip", "-n", name, "link", "add", "px0", "type", "veth", "peer", "name", "px1"])) != nil
        else { return "veth devices may not be made here" }
        if (try? Shell.run(["tcpdump", "--version"])) == nil { return "needs tcpdump" }
        return RealServer.motoIsMissing
    }()

    /// Which S3 server stands in the server's namespace.
    enum Server {
        case moto
        /// SeaweedFS of this binary.
        case seaweed(String)
    }

    static let serverAddress = "10.77.0.1"
    static let port = 5000

    let folder: TemporaryFolder
    let server: String
    let client: String
    /// The namespace between them, where a link has one.
    var middle: String { server.dropLast() + "m" }
    /// The bridge there.
    var bridge: HelperProgram?
    private var spaces: [String] = []
    private var running: [RunningProgram] = []
    private var helpers: [HelperProgram] = []
    private var moto: RealServer?

    /// Namespaces, a link between them, and the server, which answers. The link is one veth pair `vs0` (server's) and `vc0`
    /// (client's) unless `join` makes another.
    init(
        listeningOn address: String = "0.0.0.0", server kind: Server = .moto,
        join: (TapRig) throws -> Void = { try $0.addPair(0) }
    ) throws {
        folder = try TemporaryFolder()
        let tag = UUID().uuidString.prefix(8).lowercased()
        (server, client) = ("ox\(tag)s", "ox\(tag)c")
        for name in [server, client] { try addSpace(name) }
        try join(self)
        try startServer(kind, on: address)
    }

    deinit {
        for program in running where program.process.isRunning { kill(program.process.processIdentifier, SIGKILL) }
        for helper in helpers { helper.end() }
        // Before its namespace goes.
        moto = nil
        for name in spaces { _ = try? Shell.run(["ip", "netns", "del", name]) }
    }

    /// Another network namespace, which goes with the rig.
    func addSpace(_ name: String) throws {
        try Shell.run(["ip", "netns", "add", name])
        spaces.append(name)
        try Shell.run(["ip", "-n", name, "link", "set", "lo", "up"])
    }

    /// Starts a program in a namespace that says `ready` and ends with its standard input.
    func help(_ command: [String], in space: String, saying what: String) throws -> HelperProgram {
        let helper = try HelperProgram(["ip", "netns", "exec", space] + command)
        helpers.append(helper)
        try #require(helper.firstLine?.contains("ready") == true, "\(what) did not start")
        return helper
    }

    /// A veth pair `vs<number>`, `vc<number>` with the addresses 10.77.<number>.1 and .2.
    func addPair(_ number: Int) throws {
        try Shell.run([
            "ip", "-n", server, "link", "add", "vs\(number)", "type", "veth", "peer", "name", "vc\(number)", "netns",
            client,
        ])
        for (space, name, host) in [(server, "vs\(number)", 1), (client, "vc\(number)", 2)] {
            try Shell.run(["ip", "-n", space, "addr", "add", "10.77.\(number).\(host)/24", "dev", name])
            try Shell.run(["ip", "-n", space, "link", "set", name, "up"])
        }
    }

    private func startServer(_ kind: Server, on address: String) throws {
        switch kind {
        case .moto:
            moto = try RealServer.moto(in: server, on: address, port: Self.port)
        case .seaweed(let weed):
            _ = try help(
                LiveProgram.command("seaweed.py", [weed, folder / "weed", String(Self.port)]),
                in: server, saying: "SeaweedFS")
        }
    }

    /// Starts `oxbow tap` in a namespace and waits until its interfaces are open.
    func tap(_ arguments: [String], in space: String? = nil, vault: String = "vault") throws -> RunningProgram {
        let program = try RunningProgram(
            "/usr/bin/env",
            ["ip", "netns", "exec", space ?? server, OxbowProgram.path, "tap", "--vault", folder / vault, "--json"]
                + arguments)
        running.append(program)
        try waitUntil("the tap runs: \(program.errorsSoFar)") {
            program.errorsSoFar.contains("oxbow: tapping") || !program.process.isRunning
        }
        return program
    }

    /// Starts tcpdump in the server's namespace, or another, and waits until it listens.
    func tcpdump(_ interface: String, in space: String? = nil) throws -> RunningProgram {
        let program = try RunningProgram(
            "/usr/bin/env",
            [
                "ip", "netns", "exec", space ?? server, "tcpdump", "-i", interface, "-B", "65536", "-s", "262144", "-U",
                "-Z", "root", "-w", folder / "dump.pcap",
            ])
        running.append(program)
        try waitUntil("tcpdump listens") { program.errorsSoFar.contains("listening on") }
        return program
    }

    /// Ends tcpdump once it wrote a packet that is sent now, after all others.
    func end(tcpdump program: RunningProgram) throws {
        let mark = "end-of-test-\(UUID().uuidString)"
        let path = folder / "dump.pcap"
        try waitUntil("tcpdump wrote the last packet") {
            // Again and again: a link may lose it.
            try Shell.run([
                "ip", "netns", "exec", client, "python3", "-c",
                "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'\(mark)', ('\(Self.serverAddress)', 9))",
            ])
            return (FileManager.default.contents(atPath: path) ?? Data()).range(of: Data(mark.utf8)) != nil
        }
        // It wrote each packet as it came (-U); a gentler signal may be blocked, as it is for the children of tests.
        kill(program.process.processIdentifier, SIGKILL)
        _ = program.wait()
    }

    /// Starts a program in a namespace, which goes on by itself and ends with the rig at the latest.
    func start(_ command: [String], in space: String) throws -> RunningProgram {
        let program = try RunningProgram("/usr/bin/env", ["ip", "netns", "exec", space] + command)
        running.append(program)
        return program
    }

    /// Runs an S3 client: Python with `s3` (boto3) and `made`, a dictionary of what the bucket holds at the end, by key,
    /// which the script fills by `put`.
    @discardableResult
    func s3(_ script: String, in space: String? = nil, endpoint: String = serverAddress) throws -> [String: String] {
        let text = try Shell.run(
            ["ip", "netns", "exec", space ?? client] + Self.client(script, endpoint: endpoint))
        let line = try #require(text.split(separator: "\n").last)
        return try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
    }

    /// Starts such a client, which goes on by itself.
    func startS3(_ script: String) throws -> RunningProgram {
        try start(Self.client(script, endpoint: Self.serverAddress), in: client)
    }

    private static func client(_ script: String, endpoint: String) -> [String] {
        let prologue = """
            import boto3, hashlib, io, json, os, random, socket, sys, time
            from botocore.config import Config
            from boto3.s3.transfer import TransferConfig
            s3 = boto3.client("s3", endpoint_url="http://\(endpoint):\(port)", aws_access_key_id="access",
                              aws_secret_access_key="secret", region_name="us-east-1",
                              config=Config(s3={"addressing_style": "path"}))
            made = {}
            def put(key, size):
                data = os.urandom(size)
                s3.put_object(Bucket="bucket", Key=key, Body=data)
                made[key] = hashlib.sha256(data).hexdigest()
            def parts(key, size):
                data = os.urandom(size)
                s3.upload_fileobj(io.BytesIO(data), "bucket", key,
                    Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
                made[key] = hashlib.sha256(data).hexdigest()
            def ensure():
                try: s3.create_bucket(Bucket="bucket")
                except s3.exceptions.BucketAlreadyOwnedByYou: pass
            ensure()

            """
        return ["python3", "-c", prologue + script + "\nprint(json.dumps(made))"]
    }

    /// Every object of a vault, read back.
    func verified(_ vault: String) throws -> [String: TappedObject] {
        let outcome = try OxbowProgram.succeed(["verify", "--vault", folder / vault, "--json"])
        var objects: [String: TappedObject] = [:]
        for line in outcome.text.split(separator: "\n") {
            let object = try JSONDecoder().decode(TappedObject.self, from: Data(line.utf8))
            objects[object.key] = object
        }
        return objects
    }

    /// Polls until something is so, for at most a minute.
    func waitUntil(_ what: @autoclosure () -> String, _ isSo: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try !isSo() {
            try #require(ContinuousClock.now < deadline, "waited for a minute until \(what())")
            usleep(50_000)
        }
    }
}

/// What is compared of an object: not its times, which two captures of the same packet give differently.
struct TappedObject: Decodable, Equatable {
    struct Gap: Decodable, Equatable {
        var offset: UInt64
        var length: UInt64?
        var cause: String
    }

    var name: String
    var key: String
    var state: String?
    var size: UInt64?
    var etag: String?
    var sha256: String?
    var gaps: [Gap]
}
