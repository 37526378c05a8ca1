import Foundation
import Testing

/// A real S3 service that a test started, and that tells which uploads it took. It ends when this goes, or when the test
/// process does.
package final class RealServer: Sendable {
    package let port: Int
    package let accessKey: String
    package let secretKey: String
    /// Nil for a service that runs anyway.
    private let process: AttendedProcess?

    private init(_ command: [String], accessKey: String, secretKey: String) throws {
        let process = try AttendedProcess(command)
        guard let port = process.lines.first.flatMap({ Int($0) }) else {
            throw ShellFailure(description: "\(command.prefix(6)): no port: \(process.lines)")
        }
        (self.port, self.accessKey, self.secretKey) = (port, accessKey, secretKey)
        self.process = process
        endpoint = "http://127.0.0.1:\(port)"
    }

    private init(endpoint: String, port: Int, accessKey: String, secretKey: String) {
        (self.endpoint, self.port, self.accessKey, self.secretKey) = (endpoint, port, accessKey, secretKey)
        process = nil
    }

    /// Where it listens, as seen from this machine.
    package let endpoint: String

    /// What `oxbow` and boto3 need to know.
    package var environment: [String: String] {
        [
            "AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        ]
    }

    /// What the service printed after its port: a line for every upload that it took.
    package func uploads() -> [String] { Array((process?.lines ?? []).dropFirst()) }

    // MARK: One that is there

    /// The service at `OXBOW_S3_ENDPOINT`, with `OXBOW_S3_ACCESS_KEY` and `OXBOW_S3_SECRET_KEY`: see `Tools/s3`. Nil when none
    /// is named.
    package static let named: RealServer? = {
        let environment = ProcessInfo.processInfo.environment
        guard let text = environment["OXBOW_S3_ENDPOINT"], let url = URL(string: text), url.host != nil else {
            return nil
        }
        return RealServer(
            endpoint: text, port: url.port ?? (url.scheme == "https" ? 443 : 80),
            accessKey: environment["OXBOW_S3_ACCESS_KEY"] ?? "", secretKey: environment["OXBOW_S3_SECRET_KEY"] ?? "")
    }()

    // MARK: moto

    /// Why moto's tests do not run; nil when they do.
    package static let motoIsMissing: String? =
        (try? Shell.run(["python3", "-c", "import moto.server, boto3"])) == nil
        ? "python3 with moto[s3,server] and boto3 is missing" : nil

    /// moto (a model of S3 in Python), with a line for every PUT that it took.
    /// - Parameters:
    ///   - namespace: The network namespace it listens in; nil for that of the tests.
    ///   - address: The address it listens on.
    ///   - port: 0 for one that the system chooses.
    package static func moto(in namespace: String? = nil, on address: String = "127.0.0.1", port: Int = 0) throws
        -> RealServer
    {
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
            server = make_server(sys.argv[1], int(sys.argv[2]), counting, threaded=True, request_handler=Quiet)
            print(server.server_port, flush=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            sys.stdin.read()
            os._exit(0)
            """
        let place = namespace.map { ["ip", "netns", "exec", $0] } ?? []
        return try RealServer(
            place + ["python3", "-c", script, address, String(port)], accessKey: "motoaccess", secretKey: "motosecret")
    }

    /// A service that answers every request with the same bytes (in Python's notation), or with none and holds the line.
    package static func answering(_ answer: String) throws -> RealServer {
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
        return try RealServer(["python3", "-c", script], accessKey: "a", secretKey: "b")
    }

    // MARK: SeaweedFS

    /// Path of the `weed` binary: `OXBOW_WEED`, or on the path.
    package static let weed: String? = {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["OXBOW_WEED"], !named.isEmpty { return named }
        return (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/weed" }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }()

    /// Why SeaweedFS's tests do not run; nil when they do.
    package static let weedIsMissing: String? = weed == nil ? "no weed binary on PATH or in OXBOW_WEED" : motoIsMissing

    /// SeaweedFS, all its servers in one process, its data in `folder`, which it makes. Python finds free ports whose
    /// neighbours 10,000 above are free too (SeaweedFS takes those for gRPC), and says when an object could be stored.
    /// Where it does not start within 90 s the test is cancelled, not failed.
    package static func seaweed(_ folder: String) throws -> RealServer {
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
                made = False
                while server.poll() is None and time.monotonic() < deadline:
                    try:
                        if not made: s3.create_bucket(Bucket="ready")
                        made = True
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
            sys.exit("SeaweedFS took no object within 90 s")
            """
        do {
            guard let weed else { throw ShellFailure(description: "no weed") }
            return try RealServer(
                ["python3", "-c", script, weed, folder], accessKey: "weedaccess", secretKey: "weedsecretweedsecret")
        } catch {
            try Test.cancel("SeaweedFS does not start here: \(error)")
        }
    }
}
