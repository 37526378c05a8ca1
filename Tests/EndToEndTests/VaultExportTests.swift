import Foundation
import TestSupport
import Testing

/// `oxbow vault export`, as a user runs it.
@Suite struct `oxbow vault export` {
    private struct Bench {
        let folder: TemporaryFolder
        var vault: String { folder / "vault" }
        var copy: String { folder / "copy" }
        var key: [String] { ["--key-file", folder / "key"] }

        init(_ capture: String = "d08-versions") throws {
            folder = try TemporaryFolder()
            for (name, byte) in [("key", UInt8(7)), ("other", 8)] {
                try Data(repeating: byte, count: 32).write(to: URL(fileURLWithPath: folder / name))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder / name)
            }
            try replay(capture)
        }

        func replay(_ name: String) throws {
            let capture = try CaptureCase.named(name)
            try OxbowProgram.succeed(["replay", "--vault", vault, "--dialect", "all"] + capture.arguments)
        }

        func export(_ arguments: [String] = []) throws -> [String: Any] {
            let outcome = try OxbowProgram.succeed(
                ["vault", "export", "--vault", vault, "--to", copy, "--json"] + arguments)
            return try #require(try outcome.objects().first)
        }

        /// Everything that commands say of a vault's objects.
        func said(_ vault: String, _ key: [String] = []) throws -> [String] {
            var lines: [String] = []
            for command in [["ls", "--versions"], ["verify", "--versions"], ["coverage"]] {
                let outcome = try OxbowProgram.succeed(command + ["--vault", vault, "--json"] + key)
                lines += outcome.text.split(separator: "\n").map(String.init)
            }
            let names = try OxbowProgram.succeed(["ls", "--versions", "--vault", vault, "--json"] + key).objects()
            for name in Set(names.compactMap { $0["name"] as? String }).sorted() {
                lines.append(try OxbowProgram.succeed(["why", name, "--vault", vault, "--json"] + key).text)
            }
            return lines
        }
    }

    @Test(arguments: [
        [], ["--block-size", "4KiB", "--compression", "zstd"], ["--block-size", "1MiB", "--compression", "none"],
    ])
    func `makes a vault of which every command says the same, whatever its blocks`(_ options: [String]) throws {
        let bench = try Bench()
        let report = try bench.export(options)
        #expect(report["problems"] as? [String] == [])
        #expect(report["versionsReadBack"] as? Int ?? 0 > 0)
        #expect(try bench.said(bench.copy) == bench.said(bench.vault))
        try OxbowProgram.succeed(["vault", "check", "--vault", bench.copy])
        try OxbowProgram.succeed(["rebuild", "--vault", bench.copy])
        #expect(try bench.said(bench.copy) == bench.said(bench.vault))
    }

    @Test func `again adds what is new and reads nothing else`() throws {
        let bench = try Bench("d01-boto3-basic")
        _ = try bench.export()
        let again = try bench.export()
        #expect(again["versionsAdded"] as? Int == 0 && again["bytesRead"] as? Int == 0, "\(again)")
        try bench.replay("d08-versions")
        let more = try bench.export()
        #expect(more["versionsAdded"] as? Int ?? 0 > 0, "\(more)")
        #expect(more["versionsKept"] as? Int == again["versionsKept"] as? Int, "\(more)")
        #expect(try bench.said(bench.copy) == bench.said(bench.vault))
    }

    @Test func `takes other keys or none, and a wrong one is refused`() throws {
        let bench = try Bench("d01-boto3-basic")
        let expected = try bench.said(bench.vault)
        _ = try bench.export(["--to-key-file", bench.folder / "key"])
        #expect(try bench.said(bench.copy, bench.key) == expected)
        let wrong = try OxbowProgram.run([
            "vault", "export", "--vault", bench.vault, "--to", bench.copy, "--to-key-file", bench.folder / "other",
        ])
        #expect(wrong.status == 3, "\(wrong.errors)")
        // And back: the copy's key opens the source now, and the new copy has none.
        let plain = bench.folder / "plain"
        try OxbowProgram.succeed(
            ["vault", "export", "--vault", bench.copy, "--to", "file:\(plain)", "--to-clear"] + bench.key)
        #expect(try bench.said(plain) == expected)
        // No name, no content in the encrypted copy.
        let canary = try #require(
            try OxbowProgram.succeed(["ls", "--vault", bench.vault, "--json"]).objects().first?["key"] as? String)
        for file in try #require(FileManager.default.enumerator(atPath: bench.copy)) {
            let bytes = FileManager.default.contents(atPath: "\(bench.copy)/\(file)") ?? Data()
            #expect(bytes.range(of: Data(canary.utf8)) == nil, "\(file) names \(canary)")
        }
    }

    @Test func `selects by prefix and by time`() throws {
        let bench = try Bench()
        let versions = try OxbowProgram.succeed(["ls", "--versions", "--vault", bench.vault, "--json"]).objects()
        let version = try #require(versions.last { $0["deleted"] == nil && $0["state"] as? String != "partial" })
        let (name, time) = (try #require(version["name"] as? String), try #require(version["time"] as? String))
        _ = try bench.export(["--prefix", name, "--at", time])
        let listed = try OxbowProgram.succeed(["ls", "--vault", bench.copy, "--json"]).text
        #expect(
            listed == (try OxbowProgram.succeed(["ls", name, "--at", time, "--vault", bench.vault, "--json"]).text))
        #expect(!listed.isEmpty)
    }

    @Test func `refuses itself, clouds, and a folder that is no vault`() throws {
        let bench = try Bench("d01-boto3-basic")
        for (target, words) in [
            (bench.vault, "is the vault"), ("s3://bucket", "oxbow migrate"), (bench.folder.path, "not empty"),
        ] {
            let outcome = try OxbowProgram.run(["vault", "export", "--vault", bench.vault, "--to", target])
            #expect(outcome.status != 0 && outcome.errors.contains(words), "\(outcome.errors)")
        }
    }
}
