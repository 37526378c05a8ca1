import Foundation
import TestSupport
import Testing

/// The commands on an encrypted vault, as a user runs them.
@Suite struct `An encrypted vault, by command` {
    private struct Bench {
        let folder: TemporaryFolder
        let capture: String
        var vault: String { folder / "vault" }
        var key: [String] { ["--key-file", folder / "key"] }

        init() throws {
            folder = try TemporaryFolder()
            capture = try CaptureCase.named("d01-boto3-basic").path
            for (name, byte) in [("key", UInt8(7)), ("other", 8)] {
                let path = folder / name
                try Data(repeating: byte, count: 32).write(to: URL(fileURLWithPath: path))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            }
        }

        /// What a command prints, by lines.
        func lines(_ arguments: [String]) throws -> Set<Substring> {
            Set(try OxbowProgram.succeed(arguments).text.split(separator: "\n"))
        }
    }

    @Test func `holds what one in clear holds, through replay, ls, verify, get, rebuild and migrate`() throws {
        let bench = try Bench()
        let clear = bench.folder / "clear"
        try OxbowProgram.succeed(["replay", bench.capture, "--vault", clear])
        try OxbowProgram.succeed(["replay", bench.capture, "--vault", bench.vault] + bench.key)
        for command in [["ls", "--json"], ["verify", "--json"]] {
            let expected = try bench.lines(command + ["--vault", clear])
            #expect(try bench.lines(command + ["--vault", bench.vault] + bench.key) == expected)
            #expect(!expected.isEmpty)
        }
        let again = try OxbowProgram.succeed(["replay", bench.capture, "--vault", bench.vault, "--json"] + bench.key)
        let report = try #require(try again.objects().first?["vault"] as? [String: Any])
        #expect(report["newBlocks"] as? Int == 0, "the same traffic again stores nothing")
        try OxbowProgram.succeed(["rebuild", "--vault", bench.vault, "--check-blocks"] + bench.key)
        try OxbowProgram.succeed(["vault", "check", "--vault", bench.vault] + bench.key)

        let objects = try OxbowProgram.succeed(["verify", "--json", "--vault", bench.vault] + bench.key).objects()
        let whole = try #require(objects.first { $0["sha256"] is String && ($0["size"] as? Int ?? 0) > 1000 })
        let name = try #require(whole["name"] as? String)
        try OxbowProgram.succeed(["get", name, "-o", bench.folder / "file", "--vault", bench.vault] + bench.key)
        #expect(FileManager.default.contents(atPath: bench.folder / "file")?.count == whole["size"] as? Int)

        let migrate = ["migrate", "--vault", bench.vault, "--to", "file:" + (bench.folder / "target")] + bench.key
        let first = try OxbowProgram.run(migrate)
        let second = try OxbowProgram.run(migrate + ["--json"])
        #expect(first.status == second.status && first.status < 2, "\(first.errors)")
        let reports = try FileManager.default.subpathsOfDirectory(atPath: bench.vault + "/migrations")
        let file = try #require(reports.first { $0.hasSuffix("report.jsonl") })
        let text = try OxbowProgram.succeed(
            ["vault", "decrypt", bench.vault + "/migrations/" + file, "--vault", bench.vault] + bench.key
        ).text
        #expect(text.contains(name))
        try expectNothing(of: objects, below: bench.vault)
    }

    /// No bucket, key or part of a key of these objects, nor any of the owner's keys, stands in a file or its name.
    private func expectNothing(of objects: [[String: Any]], below folder: String) throws {
        var words: Set<String> = [String(repeating: "\u{7}", count: 32)]
        for object in objects {
            for field in ["bucket", "key", "endpoint", "etag"] {
                guard let text = object[field] as? String else { continue }
                for word in text.split(separator: "/") where word.utf8.count > 6 { words.insert(String(word)) }
            }
        }
        #expect(words.count > 5)
        var searched = 0
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder) {
            guard let bytes = FileManager.default.contents(atPath: folder + "/" + path) else { continue }
            searched += bytes.count
            for word in words {
                let text = Data(word.utf8)
                let forms = [
                    text, Data(text.map { String(format: "%02x", $0) }.joined().utf8),
                    Data(text.prefix(text.count / 3 * 3).base64EncodedString().utf8),
                ]
                for form in forms { #expect(bytes.range(of: form) == nil, "\(word) is in \(path)") }
                #expect(!path.contains(word))
            }
        }
        #expect(searched > 1 << 20)
    }

    @Test func `is refused with code 3 without its key or with another, and opens again after a change of keys`() throws
    {
        let bench = try Bench()
        let phrase = bench.folder / "phrase"
        try Data("correct horse battery\n".utf8).write(to: URL(fileURLWithPath: phrase))
        let made = try OxbowProgram.succeed(["vault", "init", "--vault", bench.vault, "--passphrase-file", phrase])
        #expect(made.errors.contains("keys.json") && made.errors.contains("chmod 600"), "\(made.errors)")
        let none = try OxbowProgram.run(["ls", "--vault", bench.vault])
        #expect(none.status == 3 && none.errors.contains("--passphrase-file"), "\(none.errors)")
        for command in [["ls"], ["replay", bench.capture], ["rebuild"], ["verify"], ["vault", "info"]] {
            let outcome = try OxbowProgram.run(command + ["--vault", bench.vault] + bench.key)
            #expect(outcome.status == 3 && outcome.errors.contains("does not open"), "\(command): \(outcome.errors)")
        }
        try OxbowProgram.succeed(
            [
                "vault", "rekey", "--vault", bench.vault, "--passphrase-file", phrase, "--new-key-file",
                bench.folder / "key",
            ])
        #expect(try OxbowProgram.run(["ls", "--vault", bench.vault, "--passphrase-file", phrase]).status == 3)
        try OxbowProgram.succeed(
            [
                "vault", "rekey", "--vault", bench.vault, "--new-epoch", "--add", "--new-key-command",
                "cat '\(phrase)' '\(phrase)'",
            ]
                + bench.key)
        let command = ["OXBOW_KEY_COMMAND": "cat '\(phrase)' '\(phrase)'"]
        try OxbowProgram.succeed(["replay", bench.capture, "--vault", bench.vault], environment: command)
        let info = try OxbowProgram.succeed(["vault", "info", "--json", "--vault", bench.vault] + bench.key).objects()
        #expect(info.first?["opens_with"] as? [String] == ["key-file", "command"])
        #expect(info.first?["key_epoch"] as? Int == 2 && info.first?["encryption"] as? String == "aes-256-gcm")
        let failing = try OxbowProgram.run(["ls", "--vault", bench.vault, "--key-command", "false"])
        #expect(failing.status == 3 && failing.errors.contains("false"), "\(failing.errors)")
    }
}
