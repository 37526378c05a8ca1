import Foundation
import TestSupport
import Testing

/// Plants credentials wherever traffic carries them, and looks for them in everything that a replay leaves behind.
@Suite struct `No secret of the traffic is kept` {
    /// What all canaries begin with, long enough that chance does not make it.
    private static let mark = "CaNaRySecret"

    /// Numbers the canaries, so that a find names its place.
    private struct Canaries {
        var places: [(canary: String, place: String)] = []

        mutating func plant(_ place: String) -> String {
            let canary = "\(`No secret of the traffic is kept`.mark)\(places.count + 100)"
            places.append((canary, place))
            return canary
        }
    }

    private static let body = Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7) })

    private func capture(_ canaries: inout Canaries) -> HTTPCapture {
        let body = Self.body
        let length = "Content-Length: \(body.count)"
        let host = "Host: s3.eu-central-1.amazonaws.com"
        let created = ["HTTP/1.1 200 OK", "ETag: \"x\"", "x-amz-request-id: 1", "Content-Length: 0"]
        func secret(_ name: String) -> String { "\(name): \(canaries.plant(name))" }
        func signed(_ place: String) -> String {
            let names = ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-Security-Token"]
            return "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20270115T080000Z&X-Amz-Expires=900&"
                + names.map { "\($0)=\(canaries.plant("\($0) of \(place)"))" }.joined(separator: "&")
        }
        func customerKeys(_ prefix: String) -> [String] {
            ["\(prefix)algorithm: AES256", secret("\(prefix)key"), secret("\(prefix)key-MD5")]
        }
        let authorization =
            "Authorization: AWS4-HMAC-SHA256 Credential=\(canaries.plant("Credential"))/20270115/eu-central-1/s3/aws4_request, "
            + "SignedHeaders=host, Signature=\(canaries.plant("Signature"))"
        let common = [host, authorization, secret("X-Amz-Security-Token"), secret("Cookie")]
        var capture = HTTPCapture()
        capture.connection([
            .init(
                ["PUT /bucket/headers HTTP/1.1"] + common + [length], body: body,
                created + [secret("Set-Cookie"), secret("x-amz-security-token")]),
            .init(
                ["PUT /bucket/customer-key HTTP/1.1"] + common
                    + customerKeys("x-amz-server-side-encryption-customer-") + [length], body: body, created),
            .init(
                ["PUT /bucket/copy HTTP/1.1"] + common
                    + customerKeys("x-amz-copy-source-server-side-encryption-customer-")
                    + ["x-amz-copy-source: /bucket/headers?\(signed("copy source"))", "Content-Length: 0"],
                ["HTTP/1.1 200 OK", "Content-Type: application/xml", "Content-Length: 100"],
                answer: Data("<CopyObjectResult><ETag>\"x\"</ETag></CopyObjectResult>".padded(to: 100).utf8)),
            .init(["HEAD /bucket/headers HTTP/1.1"] + common, created + [secret("Set-Cookie2")]),
        ])
        capture.connection([
            .init(["PUT /bucket/pre-signed?\(signed("upload")) HTTP/1.1", host, length], body: body, created),
            .init(
                [
                    "GET /bucket/pre-signed?\(signed("download")) HTTP/1.1", host,
                    "Referer: https://user:\(canaries.plant("password"))@a/?\(signed("referer"))",
                ], ["HTTP/1.1 200 OK", "ETag: \"x\"", length], answer: body),
            .init(
                ["GET /bucket/moved?\(signed("redirect")) HTTP/1.1", host],
                [
                    "HTTP/1.1 307 Temporary Redirect", "Location: http://other.example.com/k?\(signed("location"))",
                    "Content-Length: 0",
                ]),
        ])
        // In the framing: chunk signatures, and trailers.
        let chunked =
            "1388;chunk-signature=\(canaries.plant("chunk"))\r\n".utf8 + Array(body)
            + "\r\n0;chunk-signature=\(canaries.plant("last chunk"))\r\n".utf8
            + "\(secret("x-amz-trailer-signature"))\r\n\(secret("X-Amz-Security-Token"))\r\n\r\n".utf8
        let trailed =
            "1388\r\n".utf8 + Array(body)
            + "\r\n0\r\n\(secret("Authorization"))\r\n\(secret("Cookie"))\r\n\(secret("Set-Cookie"))\r\n\r\n".utf8
        capture.connection([
            .init(
                ["PUT /bucket/aws-chunked HTTP/1.1"] + common
                    + [
                        "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                        "Content-Encoding: aws-chunked", "x-amz-decoded-content-length: \(body.count)",
                        "Content-Length: \(chunked.count)",
                    ], body: Data(chunked), created),
            .init(
                ["PUT /bucket/trailers HTTP/1.1"] + common + ["Transfer-Encoding: chunked"], body: Data(trailed),
                created),
        ])
        // Refused, with the error that repeats what was sent; not HTTP at all; a request that breaks off.
        let error = """
            <Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>\(canaries.plant("error's key"))</AWSAccessKeyId>\
            <SignatureProvided>\(canaries.plant("error's signature"))</SignatureProvided>\
            <StringToSign>\(canaries.plant("error's string"))</StringToSign></Error>
            """
        capture.connection([
            .init(
                ["PUT /bucket/refused?\(signed("refused upload")) HTTP/1.1"] + common + [length], body: body,
                ["HTTP/1.1 403 Forbidden", "Content-Type: application/xml", "Content-Length: \(error.utf8.count)"],
                answer: Data(error.utf8)),
            .init(
                ["GET /bucket/missing?\(signed("refused download")) HTTP/1.1", host],
                ["HTTP/1.1 404 Not Found", "Content-Length: 0"]),
        ])
        capture.connection([
            .init(
                ["PUT /bucket/bro ken HTTP/1.1 \(canaries.plant("bad head"))", secret("Authorization"), "no colon"], [])
        ])
        capture.connection([
            .init(["PUT /bucket/cut?\(signed("cut upload")) HTTP/1.1"] + common + [length], body: body.prefix(1000), [])
        ])
        // Any other HTTP (--dialect http).
        for query in ["token", "access_token", "sig", "X-Goog-Signature", "Signature", "temp_url_sig"] {
            let item = "\(query)=\(canaries.plant("\(query) of a plain download"))"
            capture.connection([
                .init(
                    [
                        "GET http://u:\(canaries.plant("user info"))@files.example.com/\(query).bin?a=1&\(item) HTTP/1.1",
                        "Host: files.example.com", "Authorization: Bearer \(canaries.plant("bearer"))",
                        secret("Proxy-Authorization"), secret("Cookie"), secret("X-Api-Key"),
                    ], ["HTTP/1.1 200 OK", length, secret("Set-Cookie")], answer: body)
            ])
        }
        return capture
    }

    @Test func `neither in the vault's files nor in what the commands print`() throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        var canaries = Canaries()
        try capture(&canaries).write(to: folder / "secrets.pcap")
        var printed: [(place: String, text: Data)] = []
        func run(_ arguments: [String]) throws -> OxbowProgram.Outcome {
            let outcome = try OxbowProgram.run(arguments + ["--vault", vault])
            printed.append((arguments.joined(separator: " "), outcome.output + Data(outcome.errors.utf8)))
            return outcome
        }
        #expect(try run(["replay", folder / "secrets.pcap", "--dialect", "all", "--json"]).status == 0)
        _ = try run(["replay", folder / "secrets.pcap", "--dialect", "all"])
        let listed = try run(["ls", "--json", "--deleted", "--versions"]).objects()
        let names = Set(listed.compactMap { $0["name"] as? String })
        // The captures are understood: were nothing read, nothing could leak.
        for key in ["headers", "customer-key", "copy", "pre-signed", "aws-chunked", "trailers"] {
            #expect(names.contains("s3://s3.eu-central-1.amazonaws.com/bucket/\(key)"), "\(key) of \(names)")
        }
        #expect(names.contains("http://files.example.com/token.bin"), "\(names)")
        let others = ["refused", "missing", "moved", "cut"].map { "s3://s3.eu-central-1.amazonaws.com/bucket/\($0)" }
        for name in names.union(others) {
            _ = try run(["stat", name, "--json", "--manifest"])
            _ = try run(["why", name, "--json"])
            _ = try run(["why", name])
        }
        for command in ["verify", "coverage", "rebuild", "ls"] { _ = try run([command, "--json"]) }
        let files = try #require(FileManager.default.enumerator(atPath: vault)?.allObjects as? [String])
        #expect(files.contains { $0.hasSuffix(".oxs") })
        // Segment files hold every catalog record as it is; RocksDB's own are searched beside them.
        for file in files { printed.append((file, FileManager.default.contents(atPath: "\(vault)/\(file)") ?? Data())) }
        for (place, text) in printed {
            for (form, needle) in Self.needles {
                guard let found = text.range(of: needle) else { continue }
                let context = String(decoding: text[found.lowerBound...].prefix(80), as: UTF8.self)
                let planted = canaries.places.first { context.hasPrefix($0.canary) }?.place
                Issue.record("\(planted ?? "a canary") stands in \(place), in \(form): \(context)")
            }
        }
    }

    /// The mark in clear, in hexadecimal, and in base64 at each alignment.
    private static let needles: [(String, Data)] = {
        let mark = Data(Self.mark.utf8)
        var needles = [("clear", mark)]
        for form in ["%02x", "%02X"] {
            needles.append(("hexadecimal", Data(mark.map { String(format: form, $0) }.joined().utf8)))
        }
        for skip in 0..<3 {
            // The whole triples behind `skip` bytes look the same wherever they stand.
            let bytes = mark.dropFirst(skip)
            needles.append(("base64", Data(Data(bytes.prefix(bytes.count / 3 * 3)).base64EncodedString().utf8)))
        }
        return needles
    }()
}

extension String {
    /// Itself with spaces behind, `count` bytes in all.
    fileprivate func padded(to count: Int) -> String {
        self + String(repeating: " ", count: max(0, count - utf8.count))
    }
}
