import Foundation
import TestSupport
import Testing

/// nginx that ends TLS before the S3 server of a ``TapRig``: TLS 1.3 on ``port13``, TLS 1.2 on ``port12``, HTTP/1.1 and
/// HTTP/2 by ALPN on both. The way to the server behind it is on loopback, where the tests do not tap.
final class TLSProxy {
    /// Why TLS taps are not tested; nil when they are.
    static let isMissing: String? = {
        if let missing = TapRig.isMissing { return missing }
        for tool in ["nginx", "openssl", "curl"] {
            let found = try? Shell.run(["sh", "-c", "PATH=$PATH:/usr/sbin; command -v \(tool)"])
            if found == nil { return "needs \(tool)" }
        }
        return nil
    }()

    /// Why nginx can write no key log here; nil when it can.
    static let keyLogIsMissing: String? =
        (try? Shell.run(["cc", "-fsyntax-only", LiveProgram.path("keylog.c")])) == nil ? "needs cc and libssl-dev" : nil

    static let port13 = 5013
    static let port12 = 5012
    /// The name in the certificate, which clients ask for; one label, in which moto sees no bucket.
    static let name = "objects"

    private let process: RunningProgram
    private let rig: TapRig
    var certificate: String { rig.folder / "certificate.pem" }

    /// Starts it in the server's namespace and waits until it listens. When `keyLog` is named, `Tests/Live/keylog.c` writes the
    /// secrets of its connections there, which nginx by itself does not.
    init(_ rig: TapRig, keyLog: String? = nil) throws {
        self.rig = rig
        let folder = rig.folder
        try Shell.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=\(Self.name)", "-addext",
            "subjectAltName=DNS:\(Self.name),IP:\(TapRig.serverAddress)", "-keyout", folder / "key.pem", "-out",
            folder / "certificate.pem",
        ])
        let servers = [(Self.port13, "TLSv1.3"), (Self.port12, "TLSv1.2")].map { port, version in
            """
            server {
                listen \(TapRig.serverAddress):\(port) ssl http2;
                ssl_protocols \(version);
                location / { proxy_pass http://127.0.0.1:\(TapRig.port); proxy_set_header Host $http_host; proxy_request_buffering off; proxy_http_version 1.1; }
            }
            """
        }
        let text = """
            daemon off; worker_processes 1; pid \(folder / "nginx.pid"); error_log \(folder / "nginx.log"); user root;
            events {}
            http {
                access_log off; client_max_body_size 0; keepalive_requests 10000;
                client_body_temp_path \(folder / "body"); proxy_temp_path \(folder / "proxied");
                fastcgi_temp_path \(folder / "f"); uwsgi_temp_path \(folder / "u"); scgi_temp_path \(folder / "s");
                ssl_certificate \(folder / "certificate.pem"); ssl_certificate_key \(folder / "key.pem");
                \(servers.joined(separator: "\n"))
            }
            """
        try text.write(toFile: folder / "nginx.conf", atomically: true, encoding: .utf8)
        var preload: [String] = []
        if let keyLog {
            try Shell.run(["cc", "-shared", "-fPIC", "-o", folder / "keylog.so", LiveProgram.path("keylog.c")])
            preload = ["env", "LD_PRELOAD=\(folder / "keylog.so")", "SSLKEYLOGFILE=\(keyLog)"]
        }
        process = try RunningProgram(
            "/usr/bin/env",
            [
                "PATH=\(ProcessInfo.processInfo.environment["PATH"] ?? ""):/usr/sbin", "ip", "netns", "exec",
                rig.server,
            ] + preload + [
                "nginx", "-e", folder / "nginx.log", "-c", folder / "nginx.conf",
            ])
        let process = process
        try rig.waitUntil("nginx listens: \(process.errorsSoFar)") {
            try #require(process.process.isRunning, "nginx ended: \(process.errorsSoFar)")
            let sockets = try Shell.run(["ip", "netns", "exec", rig.server, "ss", "-ltn"])
            return sockets.contains(":\(Self.port12) ") && sockets.contains(":\(Self.port13) ")
        }
    }

    deinit {
        // By the namespace: nginx's worker is a child of its own.
        let pids = (try? Shell.run(["ip", "netns", "pids", rig.server])) ?? ""
        for pid in pids.split(separator: "\n").compactMap({ Int32($0) }) {
            let name = (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) ?? ""
            if name.hasPrefix("nginx") { kill(pid, SIGKILL) }
        }
        _ = process.wait()
    }

    /// A Python client as of ``TapRig/s3(_:in:endpoint:)`` through the proxy, with its key log at `keys`. `version` is 12
    /// or 13.
    func python(_ script: String, version: Int, keys: String?) -> [String] {
        let prologue = """
            import boto3, hashlib, io, json, os, random, subprocess, sys, time
            from botocore.config import Config
            from boto3.s3.transfer import TransferConfig
            url = "https://\(TapRig.serverAddress):\(version == 12 ? Self.port12 : Self.port13)"
            def client():
                return boto3.client("s3", endpoint_url=url, aws_access_key_id="access", aws_secret_access_key="secret",
                                    region_name="us-east-1", verify="\(certificate)",
                                    config=Config(s3={"addressing_style": "path"}))
            s3 = client()
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
            def curl(key, size, *options):
                data = os.urandom(size)
                signed = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": key})
                signed = signed.replace("\(TapRig.serverAddress)", "\(Self.name)")
                with open("\(rig.folder / "sent")", "wb") as file: file.write(data)
                subprocess.run(["curl", "-sSf", "--cacert", "\(certificate)", "--resolve",
                    "\(Self.name):%d:\(TapRig.serverAddress)" % (\(version == 12 ? Self.port12 : Self.port13)),
                    *options, "-T", "\(rig.folder / "sent")", "-H", "Content-Type:", signed], check=True)
                made[key] = hashlib.sha256(data).hexdigest()
            try: s3.create_bucket(Bucket="bucket")
            except s3.exceptions.BucketAlreadyOwnedByYou: pass

            """
        let set = keys.map { ["SSLKEYLOGFILE=\($0)"] } ?? ["-u", "SSLKEYLOGFILE"]
        return ["ip", "netns", "exec", rig.client, "env"] + set
            + ["python3", "-c", prologue + script + "\nprint(json.dumps(made))"]
    }

    /// Runs such a client and gives back what it made.
    @discardableResult
    func s3(_ script: String, version: Int = 13, keys: String?) throws -> [String: String] {
        let text = try Shell.run(python(script, version: version, keys: keys))
        let line = try #require(text.split(separator: "\n").last)
        return try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
    }
}

/// Copies a key log line by line, each line so long after it was written. It ends when the value goes.
final class SlowKeyLog {
    private let process: RunningProgram

    init(from source: String, to target: String, milliseconds: Int) throws {
        let script = """
            import os, sys, time
            source, target, delay = sys.argv[1], sys.argv[2], int(sys.argv[3]) / 1000
            waiting, position, parent = [], 0, os.getppid()
            with open(target, "ab", buffering=0) as out:
                while os.getppid() == parent:
                    if os.path.exists(source):
                        with open(source, "rb") as file:
                            file.seek(position)
                            data = file.read()
                        position += len(data)
                        if data: waiting.append((time.monotonic() + delay, data))
                    while waiting and waiting[0][0] <= time.monotonic(): out.write(waiting.pop(0)[1])
                    time.sleep(0.005)
            """
        process = try RunningProgram("/usr/bin/env", ["python3", "-c", script, source, target, "\(milliseconds)"])
    }

    deinit {
        kill(process.process.processIdentifier, SIGKILL)
        _ = process.wait()
    }
}
