import Foundation
import TestSupport
import Testing

@Suite(.enabled(if: TapRig.isMissing == nil, "\(TapRig.isMissing ?? "")")) struct `A tap whose vault has no room` {
    private func isDurable(_ key: String, _ rig: TapRig) throws -> Bool {
        let outcome = try OxbowProgram.run(["ls", "--json", "--vault", rig.folder / "vault"])
        return outcome.status == 0 && outcome.text.contains("\"\(key)\"")
    }

    private func waits(_ tap: RunningProgram, _ isSo: Bool) -> Bool {
        tap.outputSoFar.split(separator: "\n").last { $0.contains("waitsForRoom") }?
            .contains("\"waitsForRoom\":\(isSo)") == true
    }

    /// Objects before, while there is no room, and after; all of them are to be in the vault in the end.
    private func run(
        _ rig: TapRig, _ tap: RunningProgram, take: () throws -> Void, give: () throws -> Void
    ) throws {
        var sent = try rig.s3(#"put("before", 300000)"#)
        try rig.waitUntil("it is durable") { try isDurable("before", rig) }
        try take()
        sent.merge(try rig.s3(#"put("amid", 400000)"#)) { $1 }
        try rig.waitUntil("the tap says that it waits") { waits(tap, true) }
        #expect(try !isDurable("amid", rig))
        try give()
        try rig.waitUntil("it goes on") { waits(tap, false) }
        sent.merge(try rig.s3(#"put("after", 300000)"#)) { $1 }
        try rig.waitUntil("what came amid is durable") { try isDurable("amid", rig) }
        try rig.waitUntil("what came last is durable") { try isDurable("after", rig) }
        tap.process.terminate()
        let outcome = tap.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("nothing more is acknowledged"), "\(outcome.errors)")
        #expect(outcome.errors.contains("there is room again"), "\(outcome.errors)")
        let objects = try rig.verified("vault")
        for (key, sha256) in sent {
            #expect(objects[key]?.sha256 == sha256, "\(key): \(String(describing: objects[key]))")
        }
    }

    @Test func `by its quota waits, and goes on when that is raised`() throws {
        let rig = try TapRig()
        let vault = rig.folder / "vault"
        let tap = try rig.tap(["-i", "vs0", "--statistics", "100ms", "--commit-milliseconds", "100"])
        try run(rig, tap) {
            try OxbowProgram.succeed(["vault", "set", "--vault", vault, "--quota", "500k"])
            // Looked at once a second.
            Thread.sleep(forTimeInterval: 1.2)
        } give: {
            let replay = try OxbowProgram.run(["vault", "info", "--json", "--vault", vault])
            #expect(replay.text.contains("\"quota_bytes\":512000"), "\(replay.text)")
            try OxbowProgram.succeed(["vault", "set", "--vault", vault, "--quota", "none"])
        }
    }

    @Test(.enabled(if: `A vault in trouble`.cannotMount == nil, "no right to mount a tmpfs"))
    func `on a full disk waits, and goes on when there is room`() throws {
        let rig = try TapRig()
        let vault = rig.folder / "vault"
        try FileManager.default.createDirectory(atPath: vault, withIntermediateDirectories: true)
        let mount = try RunningProgram("/usr/bin/env", ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", vault])
            .wait()
        try #require(mount.status == 0, "\(mount.errors)")
        defer { _ = try? RunningProgram("/usr/bin/env", ["umount", "-l", vault]).wait() }
        let tap = try rig.tap(["-i", "vs0", "--statistics", "100ms", "--commit-milliseconds", "100"])
        let ballast = vault + "/segments/ballast"
        try run(rig, tap) {
            // Other files of that disk: 10 MiB are left, an eighth of it is wanted.
            let free = try RunningProgram("/usr/bin/env", ["df", "--output=avail", "-m", vault]).wait()
            let mebibytes = try #require(
                free.text.split(separator: "\n").last.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) })
            let fill = try RunningProgram("/usr/bin/env", ["fallocate", "-l", "\(mebibytes - 10)M", ballast]).wait()
            try #require(fill.status == 0, "\(fill.errors)")
        } give: {
            try FileManager.default.removeItem(atPath: ballast)
        }
    }
}
