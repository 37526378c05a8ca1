import Foundation
@testable import S3
import TestSupport
import Testing

@testable import Replication

@Suite struct CredentialTests {
    private func files(_ credentials: String, _ config: String = "") throws -> (TemporaryFolder, [String: String]) {
        let folder = try TemporaryFolder()
        try credentials.write(toFile: folder.path + "/credentials", atomically: true, encoding: .utf8)
        try config.write(toFile: folder.path + "/config", atomically: true, encoding: .utf8)
        let environment = [
            "AWS_SHARED_CREDENTIALS_FILE": folder.path + "/credentials", "AWS_CONFIG_FILE": folder.path + "/config",
        ]
        return (folder, environment)
    }

    @Test func `the environment's keys come first`() throws {
        let (folder, environment) = try files("[default]\naws_access_key_id=F\naws_secret_access_key=FS\n")
        let own = [
            "AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "ES", "AWS_SESSION_TOKEN": "ET", "AWS_REGION": "r",
        ]
        let found = try CredentialChain(environment: environment.merging(own) { $1 }).find()
        #expect(found.credentials?.accessKeyID == "E" && found.credentials?.sessionToken == "ET")
        #expect(found.region == "r")
        withExtendedLifetime(folder) {}
    }

    @Test func `dev-null for a file is no file`() throws {
        let environment = [
            "AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "ES", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_CONFIG_FILE": "/dev/null",
        ]
        #expect(try CredentialChain(environment: environment).find().credentials?.accessKeyID == "E")
    }

    @Test func `profiles are read as the AWS command line reads them`() throws {
        let (folder, environment) = try files(
            """
            # comment
            [default]
            aws_access_key_id = D
            aws_secret_access_key = DS # trailing
            [work]\r
            aws_access_key_id=W
            aws_secret_access_key = a/b+c=d#e
            aws_session_token=WT
            nonsense
            """,
            """
            [default]
            region = eu-1
            [profile work]
            region=eu-2
            s3 =
                max_concurrent_requests = 20
                region = not-this
            endpoint_url = http://h:1
            [other]
            region=ignored
            """)
        let plain = try CredentialChain(environment: environment).find()
        #expect(plain.credentials?.secretAccessKey == "DS" && plain.region == "eu-1")
        let work = try CredentialChain(environment: environment.merging(["AWS_PROFILE": "work"]) { $1 }).find()
        #expect(work.credentials?.secretAccessKey == "a/b+c=d#e" && work.credentials?.sessionToken == "WT")
        #expect(work.region == "eu-2" && work.endpoint == "http://h:1")
        var chain = CredentialChain(
            environment: environment.merging(["AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "S"]) { $1 })
        chain.profile = "work"
        #expect(try chain.find().credentials?.accessKeyID == "W", "an explicit profile goes before the environment")
        withExtendedLifetime(folder) {}
    }

    @Test func `named variables go before everything`() throws {
        var chain = CredentialChain(environment: [
            "MY_ID": "M", "MY_SECRET": "MS", "AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "ES",
        ])
        chain.accessKeyVariable = "MY_ID"
        chain.secretKeyVariable = "MY_SECRET"
        #expect(try chain.find().credentials?.accessKeyID == "M")
    }

    @Test func `a key given in place of a variable's name is not repeated`() {
        var chain = CredentialChain(environment: [:])
        chain.accessKeyVariable = "AKIACANARY"
        chain.secretKeyVariable = "canary/Secret+Value"
        let error = #expect(throws: CredentialError.self) { try chain.find() }
        #expect(error?.description.lowercased().contains("canary") == false)
        #expect(error?.description.contains("not keys") == true)
    }

    @Test(arguments: [
        ["AWS_ACCESS_KEY_ID": "x"], ["AWS_SECRET_ACCESS_KEY": "x"],
        ["AWS_ACCESS_KEY_ID": "x\r\nHost: evil", "AWS_SECRET_ACCESS_KEY": "y"],
        ["AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y ", "HOME": "/nonexistent"],
        ["AWS_PROFILE": "missing"],
    ])
    func `half or broken credentials are refused`(environment: [String: String]) {
        #expect(throws: CredentialError.self) { try CredentialChain(environment: environment).find() }
    }

    @Test func `no credentials at all are an error only when the target needs them`() throws {
        let chain = CredentialChain(environment: ["HOME": "/nonexistent"])
        #expect(try chain.find().credentials == nil)
        let error = #expect(throws: ReplicationError.self) { try TargetURL("s3://b").open(credentials: chain) }
        #expect(error?.description.contains("AWS_ACCESS_KEY_ID") == true)
        let folder = try TemporaryFolder()
        _ = try TargetURL("file:\(folder.path)").open(credentials: chain)
    }

    @Test func `the same target has the same identity whatever the credentials, another has another`() async throws {
        let chain = CredentialChain(environment: ["AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "ES"])
        let other = CredentialChain(environment: ["AWS_ACCESS_KEY_ID": "F", "AWS_SECRET_ACCESS_KEY": "FS"])
        func identity(_ url: String, _ chain: CredentialChain) async throws -> TargetIdentity {
            let target = try TargetURL(url).open(credentials: chain)
            await target.close()
            return target.identity
        }
        let base = "s3://b/p?endpoint=http://h:1"
        #expect(try await identity(base, chain) == identity(base + "&region=x", other))
        for different in [
            "s3://b/q?endpoint=http://h:1", "s3://c/p?endpoint=http://h:1", "s3://b/p?endpoint=http://h:2",
        ] {
            #expect(try await identity(base, chain).id != identity(different, chain).id)
        }
        let id = try await identity("s3://{bucket}/../x y?endpoint=http://h:1", chain).id
        #expect(!id.contains("/") && !id.contains("\u{0}") && id.utf8.count < 255)
    }
}
