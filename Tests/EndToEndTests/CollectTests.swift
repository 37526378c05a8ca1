import Foundation
import TestSupport
import Testing

@Suite struct `oxbow collect` {
    private func bytes(of vault: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: vault + "/segments").reduce(0) { sum, name in
            sum + (try FileManager.default.attributesOfItem(atPath: "\(vault)/segments/\(name)")[.size] as? Int ?? 0)
        }
    }

    @Test(arguments: ["d01-boto3-basic", "d02-boto3-multipart", "d08-versions"])
    func `gives back the room of what was replaced and deleted, and of nothing else`(_ name: String) throws {
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        let capture = try CaptureCase.named(name)
        try OxbowProgram.succeed(["replay", "--vault", vault, "--dialect", "all"] + capture.arguments)
        let listed = try OxbowProgram.succeed(["ls", "--vault", vault, "--json"]).text
        let before = try bytes(of: vault)
        let collect = [
            "collect", "--vault", vault, "--keep-deleted", "0s", "--keep-uploads", "0s", "--grace", "0s",
            "--garbage", "0", "--json",
        ]
        let report = try #require(
            try JSONSerialization.jsonObject(with: try OxbowProgram.succeed(collect).output) as? [String: Any])
        #expect(report["bytesFreed"] as? Int == report["rewrittenBytes"] as? Int)
        #expect(try bytes(of: vault) <= before)
        if name == "d08-versions" { #expect(report["versionsForgotten"] as? Int ?? 0 > 0, "\(report)") }
        #expect(try OxbowProgram.succeed(["ls", "--vault", vault, "--json"]).text == listed)
        try expect(try OxbowProgram.succeed(["verify", "--vault", vault, "--json"]), toHold: capture)
        // The catalog that is made anew of the files that are left says the same.
        try OxbowProgram.succeed(["rebuild", "--vault", vault])
        #expect(try OxbowProgram.succeed(["ls", "--vault", vault, "--json"]).text == listed)
        // What went comes back with its traffic.
        try OxbowProgram.succeed(["replay", "--vault", vault, "--dialect", "all"] + capture.arguments)
        try expect(try OxbowProgram.succeed(["verify", "--vault", vault, "--json"]), toHold: capture)
    }

    @Test func `refuses what it cannot understand, and a folder that is no vault`() throws {
        let folder = try TemporaryFolder()
        for (arguments, words) in [
            (["--keep-deleted", "soon"], "--keep-deleted"), (["--garbage", "100"], "--garbage"),
            (["--keep-versions", "-1"], "--keep-versions"),
        ] {
            let outcome = try OxbowProgram.run(["collect", "--vault", folder.path] + arguments)
            #expect(outcome.status != 0 && outcome.errors.contains(words), "\(outcome.errors)")
        }
        let outcome = try OxbowProgram.run(["collect", "--vault", folder / "none"])
        #expect(outcome.status == 2 && outcome.errors.contains(folder / "none"), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder / "none"))
    }

    @Test(.enabled(if: TapRig.isMissing == nil, "\(TapRig.isMissing ?? "")"))
    func `beside a tap is done by the tap, which goes on`() throws {
        let rig = try TapRig()
        let tap = try rig.tap(["-i", "vs0"])
        let first = try rig.s3(
            """
            for number in range(12): put(f"key-{number % 4}", 150000)
            """)
        try rig.waitUntil("what was put is durable") {
            try rig.verified("vault").mapValues(\.sha256) == first.mapValues { $0 }
        }
        let outcome = try OxbowProgram.run([
            "collect", "--vault", rig.folder / "vault", "--keep-deleted", "0s", "--grace", "0s", "--json",
        ])
        #expect(outcome.status == 0 && outcome.errors.contains("was asked to collect"), "\(outcome.errors)")
        let report = try #require(try JSONSerialization.jsonObject(with: outcome.output) as? [String: Any])
        #expect(report["versionsForgotten"] as? Int == 8, "\(report)")
        #expect(report["blocksRemoved"] as? Int ?? 0 >= 16, "\(report)")
        let second = try rig.s3("put(\"later\", 90000)")
        tap.process.terminate()
        #expect(tap.wait().status == 0)
        let all = first.merging(second) { _, new in new }
        #expect(try rig.verified("vault").mapValues(\.sha256) == all)
    }
}
