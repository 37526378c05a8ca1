import Backends
import Foundation
import S3
import Storage
import TestSupport
import Testing

@Suite struct MediumTests {
    @Test func `a folder is a medium`() throws {
        let folder = try TemporaryFolder()
        try conforms(FileMedium(path: folder.path + "/vault"))
    }

    @Test func `wrappers keep what the medium within promises`() throws {
        let folder = try TemporaryFolder()
        let metered = MeteredMedium(FileMedium(path: folder.path))
        try conforms(ThrottledMedium(RetryingMedium(metered), bytesPerSecond: 1 << 30))
        #expect(metered.counts.puts == 9 && metered.counts.bytesPut == 3_000_001 + 3 + 2 + 1 + 14)
        #expect(metered.counts.failures == 2)
    }

    @Test func `a faulty medium that is repeated is as good as a sound one`() throws {
        let folder = try TemporaryFolder()
        let faulty = FaultyMedium(FileMedium(path: folder.path), every: 3)
        // A put that had its effect and lost its answer is met again as one that is there: the suite's only difference.
        let object = RetryingMedium(faulty, attempts: 5, firstPauseMilliseconds: 1)
        for number in 0..<40 {
            let bytes = [UInt8](repeating: UInt8(number), count: 1000 + number)
            if try object.put("n/\(number)", bytes, onlyIfAbsent: true) == .present {
                #expect(try object.contents(of: "n/\(number)", limit: 2000) == bytes)
            }
        }
        #expect(try object.objects(under: "n/").count == 40)
    }

    @Test func `what fails for good is not repeated`() throws {
        let folder = try TemporaryFolder()
        let metered = MeteredMedium(FileMedium(path: folder.path))
        #expect(throws: StorageError.self) { try RetryingMedium(metered).read("none", 0..<1) }
        #expect(metered.counts.failures == 1)
    }

    @Test func `a slow medium conforms`() throws {
        let folder = try TemporaryFolder()
        try conforms(SlowMedium(base: FileMedium(path: folder.path), milliseconds: 5))
    }

    @Test func `a medium whose listing lags conforms`() throws {
        let folder = try TemporaryFolder()
        try conforms(StaleMedium(FileMedium(path: folder.path)))
    }

    @Test func `names lead nowhere else`() throws {
        let folder = try TemporaryFolder()
        let medium = FileMedium(path: folder.path + "/in")
        for name in ["../out", "a/../../out", "/etc/x", "a//b", ".hidden", ""] {
            #expect(throws: StorageError.self) { try medium.put(name, [1], onlyIfAbsent: false) }
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/out"))
    }

    @Test func `a throttled medium takes the time that its rate says`() throws {
        let folder = try TemporaryFolder()
        let medium = ThrottledMedium(FileMedium(path: folder.path), bytesPerSecond: 100_000)
        let start = ContinuousClock.now
        for number in 0..<4 {
            _ = try medium.put("\(number)", [UInt8](repeating: 1, count: 10_000), onlyIfAbsent: true)
        }
        // The first goes at once, each other waits for those before it.
        #expect(ContinuousClock.now - start >= .milliseconds(290))
    }
}

@Suite(.serialized) struct S3MediumTests {
    private func medium(of server: RealServer, bucket: String) throws -> S3Medium {
        var chain = CredentialChain(environment: server.environment)
        chain.profile = nil
        return S3Medium(
            try S3BackendURL("s3://\(bucket)/a/vault?endpoint=\(server.endpoint)", credentials: chain))
    }

    private func make(_ bucket: String, at server: RealServer) throws {
        let script = """
            import boto3, sys
            from botocore.config import Config
            boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id=sys.argv[2],
                aws_secret_access_key=sys.argv[3], config=Config(s3={"addressing_style": "path"})).create_bucket(Bucket=sys.argv[4])
            """
        try Shell.run(["python3", "-c", script, server.endpoint, server.accessKey, server.secretKey, bucket])
    }

    @Test(.enabled(if: RealServer.motoIsMissing == nil)) func `moto's S3 is a medium`() throws {
        let server = try RealServer.moto()
        try make("vaults", at: server)
        try conforms(try medium(of: server, bucket: "vaults"))
    }

    @Test(.enabled(if: RealServer.weedIsMissing == nil)) func `SeaweedFS is a medium`() throws {
        let folder = try TemporaryFolder()
        let server = try RealServer.seaweed(folder.path + "/weed")
        try make("vaults", at: server)
        try conforms(try medium(of: server, bucket: "vaults"))
    }

    @Test(.enabled(if: RealServer.named != nil, "no OXBOW_S3_ENDPOINT; see Tools/s3"))
    func `the S3 service that is named is a medium`() throws {
        let server = try #require(RealServer.named)
        let bucket = "oxbow-medium-\(UInt32.random(in: 0 ... .max))"
        try make(bucket, at: server)
        try conforms(try medium(of: server, bucket: bucket))
    }

    @Test func `errors name the bucket and what to do, and no key`() throws {
        let chain = CredentialChain(environment: [
            "AWS_ACCESS_KEY_ID": "AKCANARY", "AWS_SECRET_ACCESS_KEY": "CANARYSECRET",
        ])
        let nobody = S3Medium(try S3BackendURL("s3://vaults/x?endpoint=http://127.0.0.1:1", credentials: chain))
        let error = #expect(throws: StorageError.self) { try nobody.size(of: "vault.json") }
        #expect(error?.isPassing == true)
        #expect(error?.description.contains("s3://vaults/x/vault.json") == true)
        #expect(error?.description.contains("CANARY") == false)
    }

    @Test(arguments: [
        "s3:vaults", "s3://", "s3://me:secret@vaults", "s3://vaults?key=canary", "s3://vaults?endpoint=ftp://x",
        "s3://vaults?endpoint=http://me:canary@x",
    ])
    func `bad URLs are refused without being repeated`(url: String) {
        let chain = CredentialChain(environment: ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S"])
        let error = #expect(throws: StorageError.self) { try S3BackendURL(url, credentials: chain) }
        #expect(error?.description.contains("canary") == false && error?.isPassing == false)
    }
}
