import Blocks
import Compression
import Encryption
import Foundation
import Objects
import TestSupport
import Testing

@testable import Vaults

func keyFileSecret(_ seed: UInt8 = 1) throws -> VaultSecret {
    try VaultSecret(.keyFile, SecretBytes(copying: [UInt8](repeating: seed, count: 32).span.bytes))
}

/// Everything that is in a folder's files, and their names.
func everyByte(below folder: String) throws -> [(path: String, bytes: Data)] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
    return try names.compactMap { name in
        var isFolder: ObjCBool = false
        let path = "\(folder)/\(name)"
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue else {
            return nil
        }
        return (path, try Data(contentsOf: URL(fileURLWithPath: path)) + Data(name.utf8))
    }
}

/// A text as it is, in hexadecimal of both cases, and in base64 at each of its three alignments.
func disguises(_ text: String) -> [Data] {
    let bytes = Array(text.utf8)
    let hex = bytes.map { String(format: "%02x", $0) }.joined()
    let base64 = (0..<3).map { skip -> Data in
        // The characters that depend on nothing but the text.
        let inner = bytes.dropFirst((3 - skip) % 3)
        return Data(Data(inner.prefix(inner.count / 3 * 3)).base64EncodedString().utf8)
    }
    return [Data(bytes), Data(hex.utf8), Data(hex.uppercased().utf8)] + base64
}

@Suite struct `An encrypted vault` {
    private func make(_ path: String, _ secret: VaultSecret) throws {
        var metadata = ObjectMetadata()
        metadata.user["canary-name"] = "canary-metadata"
        metadata.tags["canary-tag"] = "canary-tag-value"
        var traffic = Traffic()
        var writer = try Traffic.openWriter(path, secret: secret)
        try traffic.put(
            object("canary-object/key"), Array("canary-plaintext in a block of its own".utf8), metadata: metadata,
            into: &writer)
        try traffic.put(
            object("large"), [UInt8]("canary-plaintext ".utf8.map { $0 }) + content(3, 30_000), into: &writer)
        try traffic.put(object("partial"), content(9, 10_000), missing: 5000..<6000, into: &writer)
        try writer.commit()
        try traffic.put(object("large"), content(4, 9000), etag: "canary-etag", into: &writer)
        try writer.close()
    }

    @Test func `gives back what was put in, opened again, and rebuilt from its segments`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        let secret = try keyFileSecret()
        try make(path, secret)
        let before = try VaultReader(opening: path, secret: secret).everything()
        #expect(before.count > 4)
        for _ in 0..<2 {
            let reader = try VaultReader(opening: path, secret: secret)
            #expect(try reader.everything() == before)
            #expect(
                try reader.bytes(object("canary-object/key")) == Array("canary-plaintext in a block of its own".utf8))
            #expect(try reader.bytes(object("large")) == content(4, 9000))
            var damaged = 0
            try reader.visitCurrent { version in damaged += try reader.verify(version).isDamaged ? 1 : 0 }
            #expect(damaged == 0)
            #expect(try VaultInspection(reader).problems == [])
            try FileManager.default.removeItem(atPath: path + "/catalog")
            _ = try VaultRebuild.run(at: path, secret: secret, checksBlocks: true)
        }
    }

    @Test func `shows no name, no metadata and no byte of an object to who searches its files`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        let secret = try keyFileSecret()
        let canaries = [
            "canary-plaintext", "canary-object", "canary-name", "canary-metadata", "canary-tag-value", "canary-etag",
            "s3.example.com",
        ]
        // Also while a writer has it: write-ahead log, unfinished segment, lock.
        var traffic = Traffic()
        try make(path, secret)
        var writer = try Traffic.openWriter(path, secret: secret)
        try traffic.put(object("canary-object/2"), Array("canary-plaintext once more".utf8), into: &writer)
        try writer.commit()
        let files = try everyByte(below: path)
        #expect(files.contains { $0.path.hasSuffix(".log") && $0.bytes.count > 4500 }, "RocksDB's write-ahead log")
        #expect(files.contains { $0.path.contains("OPTIONS") } && files.contains { $0.path.contains("MANIFEST") })
        for canary in canaries {
            for disguise in disguises(canary) {
                for file in files { #expect(file.bytes.range(of: disguise) == nil, "\(canary) is in \(file.path)") }
            }
        }
        // The plain digests of blocks would confirm a file to who has it.
        for block in [Array("canary-plaintext in a block of its own".utf8), Array(content(4, 9000)[..<4096])] {
            let digest = Data(try OpenSSLBlockHasher().fingerprint(of: block.span.bytes).bytes)
            for file in files { #expect(file.bytes.range(of: digest) == nil, "a digest is in \(file.path)") }
        }
        // The same search finds it all where nothing is encrypted.
        var clear = try Traffic.openWriter(folder / "clear")
        try traffic.put(object("canary-object/2"), Array("canary-plaintext once more".utf8), into: &clear)
        try clear.commit()
        let readable = try everyByte(below: folder / "clear")
        for canary in ["canary-plaintext", "canary-object"] {
            #expect(readable.contains { $0.bytes.range(of: Data(canary.utf8)) != nil })
        }
    }

    @Test func `stores a block once, by a fingerprint that another vault does not share`() throws {
        let folder = try TemporaryFolder()
        let secret = try keyFileSecret()
        var fingerprints: [String] = []
        for name in ["one", "other"] {
            var traffic = Traffic()
            var writer = try Traffic.openWriter(folder / name, secret: secret)
            try traffic.put(object("a"), content(5, 4096) + content(5, 4096), into: &writer)
            try writer.commit()
            try traffic.put(object("b"), content(5, 4096), into: &writer)
            #expect(writer.counters.newBlocks == 1)
            try writer.close()
            let reader = try VaultReader(opening: folder / name, secret: secret)
            let version = try #require(try reader.catalog.current(object("b")))
            fingerprints += try reader.catalog.extents(of: version).map { "\($0.fingerprint)" }
        }
        #expect(Set(fingerprints).count == 2)
    }

    @Test func `refuses no key and a wrong key, before anything else, and a key where there is no lock`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try make(path, try keyFileSecret(1))
        let wrong = try keyFileSecret(2)
        for said in [
            message { try VaultReader(opening: path, secret: wrong) },
            message { _ = try Traffic.openWriter(path, secret: wrong).about },
            message { try VaultRebuild.run(at: path, secret: wrong) },
            message { try VaultLifecycle.rekey(at: path, with: wrong, to: wrong) },
        ] {
            #expect(said.contains("the key does not open vault \(path)"), "\(said)")
        }
        for said in [
            message { try VaultReader(opening: path) }, message { _ = try Traffic.openWriter(path).about },
            message { try VaultRebuild.run(at: path) },
        ] {
            #expect(said.contains("is encrypted") && said.contains("--key-file"), "\(said)")
        }
        _ = try VaultLifecycle.create(at: folder / "clear")
        #expect(message { try VaultReader(opening: folder / "clear", secret: wrong) }.contains("is not encrypted"))
        // Whoever takes the lock off the description gets nothing written in clear.
        let text = try String(contentsOfFile: path + "/vault.json", encoding: .utf8)
        try text.replacing("  \"encryption\" : \"aes-256-gcm\",\n", with: "").write(
            toFile: path + "/vault.json", atomically: true, encoding: .utf8)
        #expect(message { _ = try Traffic.openWriter(path, secret: keyFileSecret(1)).about }.contains("not encrypted"))
        #expect(!message { _ = try Traffic.openWriter(path).about }.isEmpty)
    }

    @Test func `gets another key without its data being written again, and new keys for what comes next`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        let (old, new, third) = (try keyFileSecret(1), try keyFileSecret(2), try keyFileSecret(3))
        try make(path, old)
        let segment = try fileBytes(segmentFiles(path)[0])
        try VaultLifecycle.rekey(at: path, with: old, to: new, startsEpoch: true)
        #expect(message { try VaultReader(opening: path, secret: old) }.contains("does not open"))
        #expect(try fileBytes(segmentFiles(path)[0]) == segment)
        #expect(try VaultReader(opening: path, secret: new).bytes(object("large")) == content(4, 9000))
        try VaultLifecycle.rekey(at: path, with: new, to: third, keepingOthers: true)
        do {
            var traffic = Traffic()
            var writer = try Traffic.openWriter(path, secret: third)
            try traffic.put(object("new"), content(7, 9000), into: &writer)
            // Known since the first epoch: the fingerprint key stays.
            try traffic.put(object("again"), content(4, 9000), into: &writer)
            #expect(writer.counters.newBlocks == 3)
            try writer.close()
        }
        for secret in [new, third] {
            _ = try VaultRebuild.run(at: path, secret: secret)
            let reader = try VaultReader(opening: path, secret: secret)
            #expect(try reader.bytes(object("new")) == content(7, 9000))
            #expect(try reader.bytes(object("again")) == content(4, 9000))
            let information = try VaultInformation(reader)
            #expect(information.keyEpoch == 2 && information.opensWith == ["key-file", "key-file"])
        }
    }

    @Test func `never gives other contents out of a catalog that was changed, and makes it anew`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        let secret = try keyFileSecret()
        try make(path, secret)
        let reader = try VaultReader(opening: path, secret: secret)
        let expected = try reader.everything()
        let logs = try FileManager.default.contentsOfDirectory(atPath: path + "/catalog").filter {
            $0.hasSuffix(".log")
        }
        for name in logs {
            let good = try fileBytes(path + "/catalog/" + name)
            for place in stride(from: 4096 + 20, to: good.count, by: max(good.count / 30, 1)) {
                let copy = folder / "copy"
                try copyFolder(path, to: copy)
                defer { try? FileManager.default.removeItem(atPath: copy) }
                var bad = good
                bad[place] ^= 1
                try write(bad, to: copy + "/catalog/" + name)
                // An error, or an earlier commit's state brought up to date from the segments; never other contents.
                if let found = try? VaultReader(opening: copy, secret: secret).everything() {
                    #expect(found == expected, "byte \(place)")
                }
                _ = try VaultRebuild.run(at: copy, secret: secret)
                #expect(try VaultReader(opening: copy, secret: secret).everything() == expected)
            }
        }
        #expect(!logs.isEmpty)
    }
}
