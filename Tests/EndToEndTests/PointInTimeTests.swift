import Foundation
import TestSupport
import Testing

/// `--at` and `undelete`, as a user runs them.
@Suite struct `Commands of another time` {
    private struct Bench {
        let folder: TemporaryFolder
        var vault: String { folder / "vault" }

        init() throws {
            folder = try TemporaryFolder()
            let capture = try CaptureCase.named("d08-versions")
            try OxbowProgram.succeed(["replay", "--vault", vault, "--dialect", "all"] + capture.arguments)
        }

        func objects(_ arguments: [String]) throws -> [[String: Any]] {
            try OxbowProgram.succeed(arguments + ["--vault", vault, "--json"]).objects()
        }

        func names(_ arguments: [String]) throws -> Set<String> {
            Set(try objects(arguments).compactMap { $0["name"] as? String })
        }
    }

    @Test func `each version can be listed, described, read, verified and migrated at its time`() throws {
        let bench = try Bench()
        var versions = 0
        for version in try bench.objects(["ls", "--versions"]) where version["deleted"] == nil {
            let name = try #require(version["name"] as? String)
            let time = try #require(version["time"] as? String)
            guard version["state"] as? String != "partial" else { continue }
            versions += 1
            let listed = try bench.objects(["ls", name, "--at", time])
            #expect(listed.contains { $0["time"] as? String == time }, "\(name) at \(time)")
            #expect(
                try bench.objects(["stat", name, "--at", time]).first?["etag"] as? String == version["etag"] as? String)
            let verified = try bench.objects(["verify", name, "--at", time])
            let sha256 = try #require(verified.first { $0["time"] as? String == time }?["sha256"] as? String)
            let file = bench.folder / "file-\(versions)"
            try OxbowProgram.succeed(["get", name, "--at", time, "--vault", bench.vault, "--output", file])
            let sum = try RunningProgram("/usr/bin/sha256sum", [file]).wait().text
            #expect(sum.hasPrefix(sha256))
            let bytes = try OxbowProgram.succeed(["cat", name, "--at", time, "--vault", bench.vault]).output
            #expect(bytes == (try Data(contentsOf: URL(fileURLWithPath: file))))
            let target = bench.folder / "target-\(versions)"
            try OxbowProgram.succeed(["migrate", "--to", "file:\(target)", "--vault", bench.vault, "--at", time])
            let found = FileManager.default.enumerator(atPath: target)?.contains { entry in
                FileManager.default.contents(atPath: "\(target)/\(entry)") == bytes
            }
            #expect(found == true, "\(name) of \(time) is not at the target")
        }
        #expect(versions > 1)
        #expect(try bench.objects(["ls", "--at", "1999-12-31"]).isEmpty)
    }

    @Test func `what is deleted is live again after undelete, in a dry run not, and goes with the next migrate`() throws
    {
        let bench = try Bench()
        let live = try bench.names(["ls"])
        let possible = try bench.names(["undelete", "--all", "--dry-run"])
        #expect(!possible.isEmpty && possible.isDisjoint(with: live))
        #expect(try bench.names(["ls"]) == live)
        let target = "file:" + bench.folder / "target"
        func migrate() throws -> Int {
            let outcome = try OxbowProgram.run(["migrate", "--to", target, "--vault", bench.vault, "--json"])
            return try #require(try outcome.objects().first?["copied"] as? Int ?? outcome.objects().first?.count)
        }
        _ = try migrate()
        #expect(try bench.names(["undelete", "--all", "--since", "2200-01-01"]).isEmpty)
        #expect(try bench.names(["undelete", "--all"]) == possible)
        #expect(try bench.names(["ls"]) == live.union(possible))
        _ = try migrate()
        try OxbowProgram.succeed(["rebuild", "--vault", bench.vault])
        #expect(try bench.names(["ls"]) == live.union(possible))
        #expect(try bench.names(["undelete", "--all", "--dry-run"]).isEmpty)
        let again = try OxbowProgram.run(["undelete", try #require(possible.first), "--vault", bench.vault])
        #expect(again.status == 2 && again.errors.contains("not deleted"), "\(again.errors)")
    }

    @Test func `what retention has removed is named, not silently absent`() throws {
        let bench = try Bench()
        let version = try #require(try bench.objects(["undelete", "--all", "--dry-run"]).first)
        let (name, time) = (try #require(version["name"] as? String), try #require(version["time"] as? String))
        try OxbowProgram.succeed(
            ["collect", "--vault", bench.vault, "--keep-deleted", "0s", "--grace", "0s", "--garbage", "0"])
        let listed = try OxbowProgram.succeed(["ls", "--at", time, "--vault", bench.vault])
        #expect(listed.errors.contains(name) && listed.errors.contains("retention"), "\(listed.errors)")
        let line = try bench.objects(["ls", name, "--at", time]).first
        #expect(line?["forgotten"] as? Bool == true, "\(String(describing: line))")
        for command in [["stat", name], ["cat", name], ["get", name, "--output", bench.folder / "file"]] {
            let outcome = try OxbowProgram.run(command + ["--at", time, "--vault", bench.vault])
            #expect(outcome.status == 2 && outcome.errors.contains("retention"), "\(command): \(outcome.errors)")
        }
        #expect(try OxbowProgram.run(["verify", "--at", time, "--vault", bench.vault]).status == 1)
        let undelete = try OxbowProgram.run(["undelete", name, "--vault", bench.vault])
        #expect(undelete.status == 2 && undelete.errors.contains("retention"), "\(undelete.errors)")
    }

    @Test(arguments: [
        ("2026-11-21T10:00", "2026-11-21T10:00Z"), ("yesterday", "2026-11-21T10:00Z"), ("2026-02-30", "is not a time"),
        ("2026-11-21T25:00Z", "is not a time"), ("1969-12-31", "is not a time"),
        ("2026-11-21T10:00+24:00", "is not a time"),
    ])
    func `a time that is none is refused with what to say instead`(_ text: String, _ words: String) throws {
        let outcome = try OxbowProgram.run(["ls", "--at", text, "--vault", "/nonexistent"])
        #expect(outcome.status == 64 && outcome.errors.contains(words), "\(outcome.status) \(outcome.errors)")
    }

    @Test func `times with zones, seconds, fractions and days name the same moments`() throws {
        let bench = try Bench()
        let expected = try bench.names(["ls", "--at", "2100-01-01T00:00:00Z"])
        #expect(!expected.isEmpty)
        for text in [
            "2100-01-01", "2100-01-01T00:00Z", "2100-01-01T02:00+02:00", "2099-12-31t22:00:00.000000001-02:00",
        ] {
            #expect(try bench.names(["ls", "--at", text]) == expected, "\(text)")
        }
    }
}
