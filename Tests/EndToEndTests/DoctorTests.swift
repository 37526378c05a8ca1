import Foundation
import TestSupport
import Testing

@Suite struct `A doctor` {
    @Test func `names every check with verdict and remedy, and exits with 1 when a tap would not run`() throws {
        let folder = try TemporaryFolder()
        let outcome = try OxbowProgram.run(["doctor", "-i", "nosuch0", "--vault", folder / "a/vault", "--json"])
        #expect(outcome.status == 1)
        let findings = try outcome.objects()
        let interface = try #require(findings.first { $0["check"] as? String == "interface nosuch0" })
        #expect(interface["verdict"] as? String == "FAIL")
        #expect((interface["remedy"] as? String)?.contains("lo") == true)
        for check in ["libpcap", "capabilities", "clock", "descriptors", "ring memory", "disk room", "sync", "vault"] {
            #expect(findings.contains { $0["check"] as? String == check }, "\(check)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [], "nothing is left behind")
    }

    @Test func `opens a vault that is there, and leaves it as it is`() throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        try OxbowProgram.succeed(["replay", "--vault", vault, CaptureCase.named("d01-boto3-basic").path])
        let before = try FileManager.default.subpathsOfDirectory(atPath: vault + "/segments").sorted()
        let outcome = try OxbowProgram.run(["doctor", "--vault", vault])
        #expect(outcome.text.contains("vault: \(vault) opens"))
        #expect(try FileManager.default.subpathsOfDirectory(atPath: vault + "/segments").sorted() == before)
    }
}
