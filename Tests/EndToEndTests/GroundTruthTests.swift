import Foundation
import TestSupport
import Testing

@Suite struct `Every capture gives the objects that its truth names` {
    @Test(arguments: CaptureCase.all)
    func `replayed`(_ capture: CaptureCase) throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        try OxbowProgram.succeed(["replay", "--vault", vault, "--dialect", "all"] + capture.arguments)
        let verified = try OxbowProgram.succeed(["verify", "--vault", vault, "--json"])
        try expect(verified, toHold: capture)
        try expectProof(verified, of: capture)
    }

    /// Every whole object of S3 with a digest in its traffic is verified by it. In these captures that is the ETag: the
    /// truth's own MD5 says that it is one; with a dash it is that of parts.
    private func expectProof(_ verified: OxbowProgram.Outcome, of capture: CaptureCase) throws {
        let objects = try verified.objects()
        for line in try capture.truth() where line.kind == "state" && line.complete == true && line.dialect == "s3" {
            let name = "\(line.bucket ?? "")/\(line.key ?? "")"
            let object = try #require(
                objects.first { $0["key"] as? String == line.key && $0["bucket"] as? String == line.bucket },
                "\(name) is missing")
            let etag = object["etag"] as? String ?? ""
            guard etag == line.md5 || etag.contains("-") else { continue }
            #expect(object["state"] as? String == "verified", "\(name) with ETag \(etag) is \(object["state"] ?? "")")
        }
    }

    @Test(arguments: [
        "d01-boto3-basic", "d02-boto3-multipart", "d07-awschunked-plain", "d08-versions", "d66-gaps-keepalive",
        "d23-tls13-chacha20",
    ])
    func `replayed twice, the second time storing no block`(_ name: String) throws {
        let capture = try CaptureCase.named(name)
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        try OxbowProgram.succeed(["replay", "--vault", vault, "--dialect", "all"] + capture.arguments)
        let first = try OxbowProgram.succeed(["ls", "--vault", vault, "--json", "--deleted"]).text
        let again = try OxbowProgram.succeed(
            ["replay", "--vault", vault, "--dialect", "all", "--json"] + capture.arguments)
        let report = try #require(try again.objects().last)
        let stored = try #require(report["vault"] as? [String: Any])
        #expect(stored["newBlocks"] as? Int == 0)
        #expect(try OxbowProgram.succeed(["ls", "--vault", vault, "--json", "--deleted"]).text == first)
    }

    @Test(arguments: ["d01-boto3-basic", "d02-boto3-multipart", "d15-loss", "d64-gaps"])
    func `cut into two files, or with every packet doubled`(_ name: String) throws {
        let capture = try CaptureCase.named(name)
        let folder = try TemporaryFolder()
        let whole = try Pcap(contentsOf: capture.path)
        let reference = try listing(of: [capture.path], in: folder / "whole")
        var generator = SystemRandomNumberGenerator()
        for cut in [1, whole.records.count / 3, Int.random(in: 1..<whole.records.count, using: &generator)] {
            let files = [folder / "a-\(cut).pcap", folder / "b-\(cut).pcap"]
            try whole.write(whole.records[..<cut], to: files[0])
            try whole.write(whole.records[cut...], to: files[1])
            #expect(try listing(of: files, in: folder / "vault-\(cut)") == reference, "cut before packet \(cut + 1)")
        }
        let doubled = folder / "doubled.pcap"
        try whole.write(whole.records.flatMap { [$0, $0] }[...], to: doubled)
        #expect(try listing(of: [doubled], in: folder / "vault-doubled") == reference)
    }

    /// `ls --json` after a replay into a new vault.
    private func listing(of files: [String], in vault: String) throws -> String {
        try OxbowProgram.succeed(["replay", "--vault", vault, "--dialect", "all"] + files)
        return try OxbowProgram.succeed(["ls", "--vault", vault, "--json", "--deleted"]).text
    }
}

/// Holds a listing with checksums against the truth: expected objects are there with the right bytes, harmed ones are not
/// called whole, and nothing else is.
func expect(_ verified: OxbowProgram.Outcome, toHold capture: CaptureCase) throws {
    let truth = try capture.truth()
    var expected: [CaptureCase.Identity: CaptureCase.Truth] = [:]
    for line in truth where line.kind == "state" && line.complete == true {
        if let identity = line.identity { expected[identity] = line }
    }
    let either = Set(truth.filter { $0.complete == nil }.compactMap(\.identity))
    let whole = truth.filter { $0.complete == true && ["put", "get", "multipart", "copy"].contains($0.op) }
    let deleted = Set(truth.filter { $0.op == "delete" }.compactMap(\.identity))
    var listed: Set<CaptureCase.Identity> = []
    for object in try verified.objects() {
        let identity = CaptureCase.Identity(
            cloud: try #require(object["cloud"] as? String), bucket: try #require(object["bucket"] as? String),
            key: try #require(object["key"] as? String))
        listed.insert(identity)
        let state = try #require(object["state"] as? String)
        let isGood = state == "complete" || state == "verified"
        let sha256 = object["sha256"] as? String
        if let truth = expected[identity] {
            #expect(isGood, "\(identity) is \(state), gaps \(String(describing: object["gaps"]))")
            #expect(sha256 == truth.sha256, "\(identity)")
            #expect((object["size"] as? NSNumber)?.uint64Value == truth.size, "\(identity)")
        } else if isGood && !either.contains(identity) {
            // Either one event carried it whole, or several together did and the cloud's digest proves the bytes.
            let wasCarriedWhole = whole.contains { $0.identity == identity && $0.sha256 == sha256 }
            let isProven = state == "verified" && truth.contains { $0.identity == identity && $0.sha256 == sha256 }
            #expect(!deleted.contains(identity) && (wasCarriedWhole || isProven), "\(identity) is called \(state)")
        }
    }
    for identity in expected.keys { #expect(listed.contains(identity), "\(identity) is missing") }
}
