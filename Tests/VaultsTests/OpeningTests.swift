import Blocks
import CRocksDB
import Catalog
import Foundation
import Objects
import TestSupport
import Testing

@testable import Vaults

@Suite struct `A vault's folder` {
    /// A closed vault with a few objects.
    private func makeVault(_ path: String, seed: Int = 1) throws {
        var traffic = Traffic()
        var writer = try Traffic.openWriter(path)
        for index in 0..<5 {
            try traffic.put(object("\(index)"), content(seed + index, 1000 + 4000 * index), into: &writer)
            if index % 2 == 1 { try writer.commit() }
        }
        try traffic.put(object("partial"), content(seed, 9000), missing: 100..<200, into: &writer)
        try writer.close()
    }

    private func expectIntact(_ path: String, seed: Int = 1) throws {
        let reader = try VaultReader(opening: path)
        for index in 0..<5 {
            #expect(try reader.bytes(object("\(index)")) == content(seed + index, 1000 + 4000 * index))
        }
    }

    @Test func `half made is made whole`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try write([], to: path + "/lock")
        try write(Array("{\"for".utf8), to: path + "/vault.json.new")
        #expect(message { try VaultReader(opening: path) }.contains("not a vault"))
        try makeVault(path)
        try expectIntact(path)
    }

    @Test func `without vault.json but with segments is no new vault`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try makeVault(path)
        let description = try fileBytes(path + "/vault.json")
        try FileManager.default.removeItem(atPath: path + "/vault.json")
        for text in [
            message { try VaultReader(opening: path) }, message { try VaultRebuild.run(at: path) },
            message {
                var writer = try Traffic.openWriter(path)
                try writer.close()
            },
        ] {
            #expect(text.contains(path) && text.contains("vault.json"), "\(text)")
        }
        #expect(!FileManager.default.fileExists(atPath: path + "/vault.json"), "no new identity was made up")
        try write(description, to: path + "/vault.json")
        try expectIntact(path)
    }

    @Test(arguments: [
        "", "{", "[]", "{\"format\":1}", "{\"block_size\":65536,\"created\":1,\"format\":1,\"id\":\"xyz\"}",
        "{\"block_size\":5,\"created\":1,\"format\":1,\"id\":\"00000000000000000000000000000001\"}", "\u{0}\u{0}\u{0}",
    ])
    func `with a vault.json that is damaged is refused by name`(_ text: String) throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try makeVault(path)
        try write(Array(text.utf8), to: path + "/vault.json")
        let said = message { try VaultReader(opening: path) }
        #expect(said.contains(path + "/vault.json") && said.contains("restore"), "\(said)")
        #expect(message { _ = try Traffic.openWriter(path).about }.contains(path + "/vault.json"))
        #expect(try fileBytes(path + "/vault.json") == Array(text.utf8))
    }

    @Test(arguments: ["{\"format\":3,\"layout\":\"other\"}", "{\"format\":3,\"id\":7,\"block_size\":\"64k\"}"])
    func `of a later version is refused by its number, whatever else it says`(_ text: String) throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try makeVault(path)
        try write(Array(text.utf8), to: path + "/vault.json")
        for said in [
            message { try VaultReader(opening: path) }, message { _ = try Traffic.openWriter(path).about },
            message { try VaultRebuild.run(at: path) },
        ] {
            #expect(said.contains(path) && said.contains("format 3") && said.contains("formats 1 to 2"), "\(said)")
        }
    }

    @Test func `with segments of another vault is refused, and names file and vaults`() throws {
        let folder = try TemporaryFolder()
        try makeVault(folder / "one")
        try makeVault(folder / "two", seed: 50)
        let foreign = try #require(try segmentFiles(folder / "two").first)
        for number in [1, 2] {
            let path = folder / "mixed-\(number)"
            try copyFolder(folder / "one", to: path)
            let file = "\(path)/segments/000000000000000\(number).oxs"
            try? FileManager.default.removeItem(atPath: file)
            try FileManager.default.copyItem(atPath: foreign, toPath: file)
            let ids = try [folder / "one", folder / "two"].map { root in
                try VaultDescription(reading: VaultLayout(root: root)).idText
            }
            for said in [
                message { _ = try Traffic.openWriter(path).about }, message { try VaultRebuild.run(at: path) },
            ] + (number == 2 ? [message { try VaultReader(opening: path) }] : []) {
                #expect(said.contains(file) && ids.allSatisfy(said.contains), "\(number): \(said)")
            }
            #expect(try fileBytes(file) == fileBytes(foreign))
        }
    }

    @Test(arguments: ["before its tables", "before its first row"])
    func `with a catalog whose making was cut short is read all the same`(_ moment: String) throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try makeVault(path)
        try FileManager.default.removeItem(atPath: path + "/catalog")
        if moment == "before its tables" {
            // What RocksDB leaves when it ends between making its files and the first of our tables.
            let options = rocksdb_options_create()
            defer { rocksdb_options_destroy(options) }
            rocksdb_options_set_create_if_missing(options, 1)
            var failure: UnsafeMutablePointer<CChar>?
            rocksdb_close(rocksdb_open(options, path + "/catalog", &failure))
            #expect(failure == nil)
        } else {
            let catalog = try RocksCatalog(path: path + "/catalog", mode: .create)
            let format = CatalogMutation(table: .meta, key: Array("catalog/format".utf8), value: nil)
            try catalog.commit([format], index: [], checkpoint: nil)
        }
        #expect(throws: CatalogError.unfinished(path: path + "/catalog")) {
            _ = try RocksCatalog(path: path + "/catalog", mode: .readOnly)
        }
        try expectIntact(path)
    }

    @Test func `without its catalog gets it back from the segments, by a reader or a writer`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try makeVault(path)
        let before = try VaultReader(opening: path).everything()
        try FileManager.default.removeItem(atPath: path + "/catalog")
        #expect(try VaultReader(opening: path).everything() == before)
        try FileManager.default.removeItem(atPath: path + "/catalog")
        do {
            var writer = try Traffic.openWriter(path)
            try writer.close()
        }
        #expect(try VaultReader(opening: path).everything() == before)
    }

    @Test(arguments: ["CURRENT", "MANIFEST", ".sst", ".log"])
    func `with a damaged catalog heals from its segments or is refused with the remedy`(_ kind: String) throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try makeVault(path)
        let before = try VaultReader(opening: path).everything()
        if kind == ".sst" {
            // RocksDB turns its log into a table when it opens for writing.
            var writer = try Traffic.openWriter(path)
            try writer.close()
        }
        let hit = try FileManager.default.contentsOfDirectory(atPath: path + "/catalog").filter {
            $0.hasPrefix(kind) || $0.hasSuffix(kind)
        }
        #expect(!hit.isEmpty)
        for name in hit {
            var bytes = try fileBytes(path + "/catalog/" + name)
            for index in bytes.indices where index % 3 == 0 { bytes[index] ^= 0x5a }
            try write(bytes, to: path + "/catalog/" + name)
        }
        if kind == ".log" {
            // Rows that RocksDB finds torn off its log are in the segments.
            #expect(try VaultReader(opening: path).everything() == before)
            return
        }
        let said = message { try VaultReader(opening: path).everything() }
        #expect(said.contains(path + "/catalog") && said.contains("oxbow rebuild"), "\(said)")
        let report = try VaultRebuild.run(at: path)
        #expect(report.damage.isEmpty)
        #expect(try VaultReader(opening: path).everything() == before)
        #expect(
            Set(try FileManager.default.contentsOfDirectory(atPath: path)).isSubset(of: [
                "vault.json", "lock", "segments", "catalog",
            ]))
    }

    @Test func `is the same after a rebuild, also one that was interrupted before`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try makeVault(path)
        let before = try VaultReader(opening: path).everything()
        // Leftovers of a rebuild that ended before and after the old catalog was moved away.
        try copyFolder(path + "/catalog", to: path + "/catalog.new")
        try write([1], to: path + "/catalog.new/CURRENT")
        var report = try VaultRebuild.run(at: path)
        #expect(report.segments == 1 && report.blocks > 5 && report.records > 5 && report.damage.isEmpty)
        #expect(try VaultReader(opening: path).everything() == before)
        try FileManager.default.moveItem(atPath: path + "/catalog", toPath: path + "/catalog.old")
        #expect(try VaultReader(opening: path).everything() == before)
        report = try VaultRebuild.run(at: path)
        #expect(try VaultReader(opening: path).everything() == before)
        #expect(!FileManager.default.fileExists(atPath: path + "/catalog.old"))
    }

    @Test func `keeps its block size`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        try makeVault(path)
        let said = message { _ = try VaultWriter(path: path, blockSize: BlockSize(bytes: 8192)).about }
        #expect(said.contains("4096") && said.contains("8192"), "\(said)")
        #expect(try VaultWriter(path: path, poolBytes: 64 * 4096).about.blockSize.bytes == 4096)
    }
}

@Suite struct `A vault that another process writes to` {
    /// A process that holds the lock of a vault until it goes, and wrote `name` into it.
    private final class Holder {
        private let process: AttendedProcess

        init(_ vault: String, name: String) throws {
            // The lock ends with the process, and the process with its input.
            process = try AttendedProcess([
                "flock", "-x", vault + "/lock", "sh", "-c", "printf %s \"$1\" > \"$0\"; echo held; cat >/dev/null",
                vault + "/lock", name,
            ])
            try #require(process.lines == ["held"])
        }
    }

    @Test(arguments: [("process 12 (oxbow replay)\n", "process 12 (oxbow replay)"), ("", "another process")])
    func `is refused to writers with the holder's name, and read all the same`(_ name: String, _ shown: String) throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        do {
            var traffic = Traffic()
            var writer = try Traffic.openWriter(path)
            try traffic.put(object("a"), content(1, 5000), into: &writer)
            try writer.close()
        }
        do {
            let holder = try Holder(path, name: name)
            for said in [
                message { _ = try Traffic.openWriter(path).about }, message { try VaultRebuild.run(at: path) },
            ] {
                #expect(said.contains(path) && said.contains(shown) && said.contains("wait"), "\(said)")
            }
            #expect(try VaultReader(opening: path).bytes(object("a")) == content(1, 5000))
            withExtendedLifetime(holder) {}
        }
        // The kernel gave the lock back.
        var writer = try Traffic.openWriter(path)
        try writer.close()
    }

    @Test func `shows to a reader what is committed, not what is only appended`() throws {
        let folder = try TemporaryFolder()
        var traffic = Traffic()
        var writer = try Traffic.openWriter(folder / "vault")
        try traffic.put(object("a"), content(1, 5000), into: &writer)
        try writer.commit()
        try traffic.put(object("b"), content(2, 5000), into: &writer)
        let early = try VaultReader(opening: folder / "vault")
        #expect(try early.bytes(object("a")) == content(1, 5000))
        #expect(try early.catalog.current(object("b")) == nil)
        try writer.commit()
        let late = try VaultReader(opening: folder / "vault")
        #expect(try late.bytes(object("b")) == content(2, 5000))
    }

    @Test func `is not kept from its writer by readers`() throws {
        let folder = try TemporaryFolder()
        let path = folder / "vault"
        do {
            var traffic = Traffic()
            var writer = try Traffic.openWriter(path)
            try traffic.put(object("a"), content(1, 5000), into: &writer)
            try writer.close()
        }
        // A writer opens RocksDB with a new manifest, so this shows who only read.
        let opened = try fileBytes(path + "/catalog/CURRENT")
        let reader = try VaultReader(opening: path)
        #expect(try fileBytes(path + "/catalog/CURRENT") == opened, "a reader of a vault in order took its lock")
        var writer = try Traffic.openWriter(path)
        try writer.close()
        #expect(try reader.bytes(object("a")) == content(1, 5000))
    }
}
