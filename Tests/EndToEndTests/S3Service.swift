import Foundation
import Testing

/// A service that a test started on loopback and that tells which uploads it took. It ends when this goes, or when the test
/// process does: its standard input then closes.
final class S3Service {
    /// An object as boto3 sees it.
    struct Seen: Decodable {
        var sha256: String
        var type: String
        var metadata: [String: String]
        var tags: [String: String]
    }

    /// The service ended before it listened.
    struct NotStarted: Error {
        var command: String
    }

    let port: Int
    /// What `oxbow` and boto3 need to know.
    let environment: [String: String]
    private let process = Process()
    private let input = Pipe()
    private let log: String
    private let folder: TemporaryFolder

    private init(_ command: [String], port: Int? = nil, accessKey: String, secretKey: String) throws {
        folder = try TemporaryFolder()
        log = folder / "log"
        try Data().write(to: URL(fileURLWithPath: log))
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardInput = input
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardError = FileHandle.nullDevice
        try process.run()
        environment = [
            "AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        ]
        var found = port
        while found == nil, process.isRunning {
            usleep(20_000)
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(
                separator: "\n", omittingEmptySubsequences: false)
            if lines.count > 1 { found = Int(lines[0]) }
        }
        guard let found else { throw NotStarted(command: command[0]) }
        self.port = found
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// What the service printed after its port: a line for every upload that it took.
    func uploads() -> [String] {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").dropFirst().map(String.init)
    }

    /// Every object of a bucket by key, read by boto3.
    func objects(in bucket: String) throws -> [String: Seen] {
        let script = """
            import boto3, hashlib, json, sys
            from botocore.config import Config
            s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1",
                              config=Config(s3={"addressing_style": "path"}))
            out = {}
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[2]):
                for row in page.get("Contents", []):
                    answer = s3.get_object(Bucket=sys.argv[2], Key=row["Key"])
                    tags = s3.get_object_tagging(Bucket=sys.argv[2], Key=row["Key"])["TagSet"]
                    out[row["Key"]] = {"sha256": hashlib.sha256(answer["Body"].read()).hexdigest(),
                                       "type": answer.get("ContentType", ""), "metadata": answer["Metadata"],
                                       "tags": {tag["Key"]: tag["Value"] for tag in tags}}
            print(json.dumps(out))
            """
        let outcome = try RunningProgram(
            "/usr/bin/env", ["python3", "-c", script, "http://127.0.0.1:\(port)", bucket], environment: environment
        ).wait()
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try JSONDecoder().decode([String: Seen].self, from: outcome.output)
    }

    // MARK: moto

    /// Why moto's tests do not run; nil when they do.
    static let motoIsMissing: String? = {
        let probe = try? RunningProgram("/usr/bin/env", ["python3", "-c", "import moto.server, boto3"])
        return probe?.wait().status == 0 ? nil : "python3 with moto[s3,server] and boto3 is missing"
    }()

    /// moto, with a line for every PUT that it took.
    static func moto() throws -> S3Service {
        let script = """
            import json, os, sys, threading
            from moto.server import DomainDispatcherApplication, create_backend_app
            from werkzeug.serving import make_server, WSGIRequestHandler
            app, lock = DomainDispatcherApplication(create_backend_app), threading.Lock()
            def counting(environ, start_response):
                def answer(status, headers, *rest):
                    if environ["REQUEST_METHOD"] == "PUT" and status.startswith("200"):
                        with lock:
                            print(json.dumps([environ["PATH_INFO"], environ.get("QUERY_STRING", "")]), flush=True)
                    return start_response(status, headers, *rest)
                return app(environ, answer)
            class Quiet(WSGIRequestHandler):
                def log(self, *arguments): pass
            server = make_server("127.0.0.1", 0, counting, threaded=True, request_handler=Quiet)
            print(server.server_port, flush=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            sys.stdin.read()
            os._exit(0)
            """
        return try S3Service(["python3", "-c", script], accessKey: "motoaccess", secretKey: "motosecret")
    }

    /// A service that answers every request with the same bytes (in Python's notation), or with none and holds the line.
    static func answering(_ answer: String) throws -> S3Service {
        let script = """
            import os, socket, sys, threading
            answer = b"\(answer)"
            listener = socket.create_server(("127.0.0.1", 0))
            print(listener.getsockname()[1], flush=True)
            def serve(connection):
                while connection.recv(1 << 16):
                    print("asked", flush=True)
                    if answer: connection.sendall(answer)
            def accept():
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
            threading.Thread(target=accept, daemon=True).start()
            sys.stdin.read()
            os._exit(0)
            """
        return try S3Service(["python3", "-c", script], accessKey: "a", secretKey: "b")
    }

    // MARK: SeaweedFS

    /// Path of the `weed` binary: `OXBOW_WEED`, or on the path.
    static let weed: String? = {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["OXBOW_WEED"], !named.isEmpty { return named }
        return (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/weed" }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }()

    /// Why SeaweedFS's tests do not run; nil when they do.
    static let weedIsMissing: String? = weed == nil ? "no weed binary on PATH or in OXBOW_WEED" : motoIsMissing

    /// SeaweedFS, all its servers in one process, its data in `folder`. Python finds free ports whose neighbours 10,000
    /// above are free too (SeaweedFS takes those for gRPC), and says when a bucket can be listed.
    static func seaweed(_ folder: String) throws -> S3Service {
        let script = """
            import json, os, random, shutil, socket, subprocess, sys, time
            import boto3
            from botocore.config import Config
            weed, folder = sys.argv[1:3]
            os.makedirs(folder + "/data")
            with open(folder + "/s3.json", "w") as file:
                json.dump({"identities": [{"name": "oxbow", "credentials": [
                    {"accessKey": "weedaccess", "secretKey": "weedsecretweedsecret"}],
                    "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}, file)
            def free(port):
                with socket.socket() as probe:
                    try: probe.bind(("127.0.0.1", port))
                    except OSError: return False
                return True
            deadline = time.monotonic() + 90
            # Another process may take a port between the look and the start: then once more with others.
            while time.monotonic() < deadline:
                ports = []
                while len(ports) < 4:
                    port = random.randrange(10000, 22000)
                    if port not in ports and free(port) and free(port + 10000): ports.append(port)
                server = subprocess.Popen([
                    weed, "-logdir=" + folder, "server", "-dir=" + folder + "/data", "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1", "-master.port=%d" % ports[0], "-volume.port=%d" % ports[1],
                    "-filer", "-filer.port=%d" % ports[2], "-s3", "-s3.port=%d" % ports[3],
                    "-s3.port.iceberg=0", "-s3.port.lance=0",
                    "-s3.config=" + folder + "/s3.json", "-master.volumeSizeLimitMB=1024", "-volume.max=100"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                s3 = boto3.client("s3", endpoint_url="http://127.0.0.1:%d" % ports[3], region_name="us-east-1",
                                  aws_access_key_id="weedaccess", aws_secret_access_key="weedsecretweedsecret",
                                  config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
                while server.poll() is None and time.monotonic() < deadline:
                    try:
                        s3.create_bucket(Bucket="ready")
                        s3.put_object(Bucket="ready", Key="k", Body=b"x")
                        print(ports[3], flush=True)
                        sys.stdin.read()
                        server.kill()
                        sys.exit()
                    except Exception:
                        time.sleep(0.1)
                if server.poll() is None: server.kill()
                server.wait()
                shutil.rmtree(folder + "/data")
                os.makedirs(folder + "/data")
            """
        guard let weed else { throw CocoaError(.fileNoSuchFile) }
        do {
            return try S3Service(
                ["python3", "-c", script, weed, folder], accessKey: "weedaccess", secretKey: "weedsecretweedsecret")
        } catch {
            try Test.cancel("SeaweedFS does not start here: \(error)")
        }
    }
}
