import Foundation
import TestSupport
import Testing

@Suite struct `Bad input gets a clear error or a named loss` {
    @Test(arguments: [
        ("empty", Data(), "empty"),
        ("text", Data("hello, this is no capture at all, but a text\n".utf8), "not a"),
        ("short header", Data([0xd4, 0xc3, 0xb2, 0xa1, 2, 0]), "header"),
        ("gzip", Data([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] + [UInt8](repeating: 7, count: 40)), "gzip"),
    ])
    func `a file that is no capture`(_ name: String, _ bytes: Data, _ word: String) throws {
        let folder = try TemporaryFolder()
        let file = folder / "input.pcap"
        try bytes.write(to: URL(fileURLWithPath: file))
        let outcome = try OxbowProgram.run(["replay", file, "--vault", folder / "vault"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains(file), "\(outcome.errors)")
        #expect(outcome.errors.contains(word), "\(outcome.errors)")
    }

    @Test func `a file that is not there`() throws {
        let folder = try TemporaryFolder()
        let outcome = try OxbowProgram.run(["replay", folder / "none.pcap", "--vault", folder / "vault"])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("none.pcap"))
    }

    @Test func `a folder, a pipe, and a file that may not be read`() throws {
        let folder = try TemporaryFolder()
        let pipe = folder / "pipe.pcap"
        try #require(mkfifo(pipe, 0o600) == 0)
        for (path, word) in [(folder.path, "folder"), (pipe, "pipe")] {
            let outcome = try OxbowProgram.run(["replay", path, "--vault", folder / "vault"])
            #expect(outcome.status == 2)
            #expect(outcome.errors.contains(path) && outcome.errors.contains(word), "\(outcome.errors)")
        }
        let secret = folder / "secret.pcap"
        let capture = try CaptureCase.named("d40-base")
        try FileManager.default.copyItem(atPath: capture.path, toPath: secret)
        try #require(chmod(secret, 0) == 0)
        // Root reads everything: without the right to override permissions it is as anybody.
        let arguments = [OxbowProgram.path, "replay", secret, "--vault", folder / "vault"]
        let command = getuid() == 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] + arguments : arguments
        let outcome = try RunningProgram("/usr/bin/env", command).wait()
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains(secret) && outcome.errors.contains("ermission"), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder / "vault"), "no empty vault is left behind")
    }

    /// The packets before a damaged length field count; what follows it cannot be found again, and is named as lost.
    @Test func `a corrupt record in the middle`() throws {
        let capture = try CaptureCase.named("d08-versions")
        let folder = try TemporaryFolder()
        let whole = try Pcap(contentsOf: capture.path)
        var records = whole.records
        let middle = records.count / 2
        let offset = records[..<middle].reduce(24) { $0 + $1.count }
        records[middle] =
            Data(records[middle].prefix(8)) + Data([0xff, 0xff, 0xff, 0xff]) + records[middle].dropFirst(12)
        let file = folder / "corrupt.pcap"
        try whole.write(records[...], to: file)
        let outcome = try OxbowProgram.succeed(["replay", file, "--vault", folder / "vault", "--dialect", "all"])
        #expect(outcome.errors.contains(file) && outcome.errors.contains("offset \(offset)"), "\(outcome.errors)")
        #expect(try OxbowProgram.run(["replay", file, "--vault", folder / "vault", "--strict"]).status == 1)
        // Whatever is called whole is what the cloud had at some time.
        let hashes = Set(try capture.truth().compactMap(\.sha256))
        let objects = try OxbowProgram.succeed(["verify", "--vault", folder / "vault", "--json", "--versions"])
            .objects()
        #expect(!objects.isEmpty)
        for object in objects where ["complete", "verified"].contains(object["state"] as? String) {
            #expect(hashes.contains(try #require(object["sha256"] as? String)), "\(object)")
        }
        // The whole capture brings the rest.
        try OxbowProgram.succeed(["replay", capture.path, "--vault", folder / "vault", "--dialect", "all"])
        try expect(try OxbowProgram.succeed(["verify", "--vault", folder / "vault", "--json"]), toHold: capture)
    }

    @Test func `a capture that ends within a packet`() throws {
        let capture = try CaptureCase.named("d08-versions")
        let folder = try TemporaryFolder()
        let whole = try Pcap(contentsOf: capture.path)
        var records = whole.records[..<(whole.records.count / 2)]
        if let last = records.popLast() { records.append(last.dropLast(last.count / 2)) }
        let file = folder / "cut.pcap"
        try whole.write(records, to: file)
        let outcome = try OxbowProgram.succeed(["replay", file, "--vault", folder / "vault", "--dialect", "all"])
        #expect(outcome.errors.contains(file), "\(outcome.errors)")
        #expect(try OxbowProgram.run(["replay", file, "--vault", folder / "vault", "--strict"]).status == 1)
        try OxbowProgram.succeed(["replay", capture.path, "--vault", folder / "vault", "--dialect", "all"])
        try expect(try OxbowProgram.succeed(["verify", "--vault", folder / "vault", "--json"]), toHold: capture)
    }

    @Test func `a cut tail yields everything before it and a warning`() throws {
        let capture = try CaptureCase.named("d40-base")
        let folder = try TemporaryFolder()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: capture.path))
        bytes.append(Data([1, 2, 3, 4, 5]))
        let file = folder / "cut.pcap"
        try bytes.write(to: URL(fileURLWithPath: file))
        let outcome = try OxbowProgram.succeed(["replay", file, "--vault", folder / "vault", "--dialect", "all"])
        #expect(outcome.errors.contains(file))
        let strict = try OxbowProgram.run(["replay", file, "--vault", folder / "vault", "--strict"])
        #expect(strict.status == 1)
        try expect(try OxbowProgram.succeed(["verify", "--vault", folder / "vault", "--json"]), toHold: capture)
    }

    @Test func `a folder that is no vault`() throws {
        let folder = try TemporaryFolder()
        try Data("mine".utf8).write(to: URL(fileURLWithPath: folder / "letter.txt"))
        #expect(try OxbowProgram.run(["ls", "--vault", folder.path]).status == 2)
        let capture = try CaptureCase.named("d40-base")
        let outcome = try OxbowProgram.run(["replay", capture.path, "--vault", folder.path])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("not empty"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["letter.txt"])
    }

    @Test func `a vault of another format`() throws {
        let capture = try CaptureCase.named("d40-base")
        let folder = try TemporaryFolder()
        let vault = folder / "vault"
        try OxbowProgram.succeed(["replay", capture.path, "--vault", vault])
        let file = URL(fileURLWithPath: vault + "/vault.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        try text.replacing("\"format\" : 2", with: "\"format\" : 99").write(to: file, atomically: true, encoding: .utf8)
        for command in ["ls", "verify", "rebuild"] {
            let outcome = try OxbowProgram.run([command, "--vault", vault])
            #expect(outcome.status == 2, "\(command)")
            #expect(outcome.errors.contains("99"), "\(command): \(outcome.errors)")
        }
    }

    @Test func `a wrong command line`() throws {
        #expect(try OxbowProgram.run(["replay"]).status == 64)
        #expect(try OxbowProgram.run(["fly"]).status == 64)
        #expect(try OxbowProgram.run(["--help"]).status == 0)
    }

    @Test func `a wrong filter names the expression`() throws {
        let capture = try CaptureCase.named("d40-base")
        let folder = try TemporaryFolder()
        let outcome = try OxbowProgram.run([
            "replay", capture.path, "--vault", folder / "vault", "--filter", "tcp port eighty-x",
        ])
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("eighty-x"))
    }
}
