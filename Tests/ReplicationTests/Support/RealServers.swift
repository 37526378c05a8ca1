import Foundation
import Glibc
import Synchronization
import Testing

@testable import Replication

/// A real S3 service that a test started, on loopback. It ends when this goes, or when the test process does, however
/// that ends: its standard input then closes.
final class RealServer: Sendable {
    let port: Int
    let accessKey: String
    let secretKey: String
    private let process: Process
    private let input: Pipe

    private init(port: Int, accessKey: String, secretKey: String, process: Process, input: Pipe) {
        self.port = port
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.process = process
        self.input = input
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    var endpoint: String { "http://127.0.0.1:\(port)" }

    func target(_ template: String = "tgt/", change: (inout S3Settings) -> Void = { _ in }) -> S3Target {
        S3Target.local(
            port: port, template: template,
            credentials: S3Credentials(accessKeyID: accessKey, secretAccessKey: secretKey), idleSeconds: 60,
            change: change)
    }

    // MARK: moto

    /// Why moto's tests do not run; nil when they do.
    static let motoIsMissing: String? = {
        (try? python("import moto.server, boto3", [])) == nil
            ? "python3 with moto[s3,server] and boto3 is missing" : nil
    }()

    /// moto (a mock in Python) on a port that the system chose.
    static func moto() throws -> RealServer {
        let script = """
            import sys, os
            from moto.server import ThreadedMotoServer
            server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
            server.start()
            print(server.get_host_and_port()[1], flush=True)
            sys.stdin.read()
            os._exit(0)
            """
        let (process, input, output) = try start("/usr/bin/env", ["python3", "-c", script])
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard let port = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Unexpected("moto printed \(line)")
        }
        return RealServer(port: port, accessKey: "motoaccess", secretKey: "motosecret", process: process, input: input)
    }

    // MARK: SeaweedFS

    /// Path of the `weed` binary: `OXBOW_WEED`, or on the path.
    static let weed: String? = {
        if let named = ProcessInfo.processInfo.environment["OXBOW_WEED"], !named.isEmpty { return named }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map { "\($0)/weed" }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }()

    /// Why SeaweedFS's tests do not run; nil when they do.
    static let weedIsMissing: String? = {
        if weed == nil { return "no weed binary on PATH or in OXBOW_WEED" }
        return motoIsMissing
    }()

    /// SeaweedFS, all its servers in one process, its data in `folder`. Another process may take a port between the look
    /// and the start: then once more with others. Where it does not start at all the test is cancelled, not failed.
    static func seaweed(_ folder: TemporaryFolder) async throws -> RealServer {
        var reason = ""
        for attempt in 1...3 {
            do {
                return try await startSeaweed(folder.path + "/\(attempt)")
            } catch let error as Unexpected {
                reason = error.text
            }
        }
        try Test.cancel("SeaweedFS does not start here: \(reason)")
    }

    private static func startSeaweed(_ folder: String) async throws -> RealServer {
        guard let weed else { throw Unexpected("no weed") }
        try FileManager.default.createDirectory(atPath: folder + "/data", withIntermediateDirectories: true)
        let identities = """
            {"identities":[{"name":"oxbow","credentials":[{"accessKey":"weedaccess","secretKey":"weedsecretweedsecret"}],
            "actions":["Admin","Read","Write","List","Tagging"]}]}
            """
        try identities.write(toFile: folder + "/s3.json", atomically: true, encoding: .utf8)
        let ports = try freePorts(4)
        // The shell ends the server when its own input ends.
        let command = """
            "$0" -logdir="$1" server -dir="$1/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.port=\(ports[0]) \
            -volume.port=\(ports[1]) -filer -filer.port=\(ports[2]) -s3 -s3.port=\(ports[3]) \
            -s3.port.iceberg=0 -s3.port.lance=0 \
            -s3.config="$1/s3.json" -master.volumeSizeLimitMB=1024 -volume.max=100 >"$1/out.log" 2>&1 &
            pid=$!; cat >/dev/null; kill -9 $pid
            """
        let (process, input, _) = try start("/bin/sh", ["-c", command, weed, folder])
        let server = RealServer(
            port: ports[3], accessKey: "weedaccess", secretKey: "weedsecretweedsecret", process: process, input: input)
        try await server.waitUntilItStores(folder)
        return server
    }

    /// Waits until a bucket can be made and an object stored: the parts of the server find each other one by one.
    private func waitUntilItStores(_ folder: String) async throws {
        let deadline = ContinuousClock.now + .seconds(45)
        while ContinuousClock.now < deadline {
            let target = target("ready/")
            do {
                try await target.probe(bucket: "ready", createIfMissing: true)
                let location = TargetLocation(bucket: "ready", key: .init("k"))
                let draft = ObjectDraft(
                    location: location, source: .init(cloud: .s3, endpoint: "e", bucket: "b", key: .init("k")),
                    size: 1, metadata: .init())
                _ = try await target.put(draft, Payload([1]))
                await target.close()
                return
            } catch {
                await target.close()
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        let log = (try? String(contentsOfFile: folder + "/out.log", encoding: .utf8))?.suffix(2_000) ?? ""
        throw Unexpected("SeaweedFS did not start: \(log)")
    }

    /// Ports that are free, and whose neighbours 10,000 above are: SeaweedFS takes those for gRPC.
    private static func freePorts(_ count: Int) throws -> [Int] {
        var ports: [Int] = []
        for _ in 0..<1_000 where ports.count < count {
            let port = Int.random(in: 10_000..<22_000)
            if !ports.contains(port), isFree(port), isFree(port + 10_000) { ports.append(port) }
        }
        guard ports.count == count else { throw Unexpected("no free ports") }
        return ports
    }

    private static func isFree(_ port: Int) -> Bool {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    // MARK: Processes

    private static func start(_ path: String, _ arguments: [String]) throws -> (Process, Pipe, Pipe) {
        let process = Process()
        let input = Pipe()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        return (process, input, output)
    }

    /// Runs Python and gives back what it printed; throws what it printed when it failed.
    @discardableResult
    static func python(_ script: String, _ arguments: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script] + arguments
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Unexpected("python3: \(text)") }
        return text
    }

    /// What boto3, an S3 client that is not ours, sees in a bucket: sha256 of the bytes and what HEAD says, by key.
    func seen(in bucket: String) throws -> [String: SeenObject] {
        let script = """
            import boto3, hashlib, json, sys
            from botocore.config import Config
            endpoint, access, secret, bucket = sys.argv[1:5]
            s3 = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret,
                              region_name="us-east-1", config=Config(s3={"addressing_style": "path"}))
            out = {}
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for row in page.get("Contents", []):
                    answer = s3.get_object(Bucket=bucket, Key=row["Key"])
                    digest = hashlib.sha256()
                    for chunk in answer["Body"].iter_chunks(1 << 20):
                        digest.update(chunk)
                    tags = s3.get_object_tagging(Bucket=bucket, Key=row["Key"])["TagSet"]
                    out[row["Key"]] = {"sha256": digest.hexdigest(), "etag": answer["ETag"].strip('"'),
                                       "size": answer["ContentLength"], "type": answer.get("ContentType", ""),
                                       "encoding": answer.get("ContentEncoding", ""), "metadata": answer["Metadata"],
                                       "disposition": answer.get("ContentDisposition", ""),
                                       "cache": answer.get("CacheControl", ""),
                                       "tags": {tag["Key"]: tag["Value"] for tag in tags}}
            uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
            assert not uploads, uploads
            print(json.dumps(out))
            """
        let text = try Self.python(script, [endpoint, accessKey, secretKey, bucket])
        return try JSONDecoder().decode([String: SeenObject].self, from: Data(text.utf8))
    }
}

struct SeenObject: Decodable {
    var sha256: String
    var etag: String
    var size: UInt64
    var type: String
    var encoding: String
    var disposition: String
    var cache: String
    var metadata: [String: String]
    var tags: [String: String]
}
