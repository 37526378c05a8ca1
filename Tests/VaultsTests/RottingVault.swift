import Blocks
import Encryption
import Foundation
import Objects
import TestSupport
import Testing

@testable import Vaults

/// A vault of several segments and table files whose content is known, to be damaged.
struct RottingVault {
    let path: String
    let secret: VaultSecret?
    private(set) var contents: [String: [UInt8]] = [:]
    /// Everything that its catalog said.
    private(set) var everything: [String] = []

    /// Makes it below `folder`.
    init(_ folder: TemporaryFolder, name: String = "vault", secret: VaultSecret? = nil) throws {
        path = folder / name
        self.secret = secret
        var traffic = Traffic()
        for run in 0..<4 {
            // Each opening writes what the last left in the log to table files.
            var writer = try Traffic.openWriter(path, secret: secret)
            for index in 0..<6 {
                let key = "run \(run) object \(index)"
                var bytes = content(100 * run + index, 3000 + 7001 * index)
                // Some that compression makes smaller.
                if index % 2 == 0 { bytes = Array(repeatElement(Array("oxbow \(key) ".utf8), count: 1500).joined()) }
                contents[key] = bytes
                try traffic.put(object(key), bytes, etag: "etag-\(run)-\(index)", into: &writer)
                try writer.commit()
            }
            if run == 2 {
                try traffic.delete(object("run 0 object 1"), from: &writer)
                contents["run 0 object 1"] = nil
            }
            try writer.commit()
            if run < 3 { try writer.log.roll() }
            try writer.close()
        }
        everything = try reader().everything()
    }

    func reader() throws -> VaultReader { try VaultReader(opening: path, secret: secret) }

    /// Files whose bytes can reach an answer: segments, table files, and RocksDB's lists of them and logs. What RocksDB keeps
    /// for people (LOG, OPTIONS, IDENTITY) is read by nobody.
    func files() throws -> [(path: String, size: Int)] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
        return names.compactMap { name in
            let last = name.split(separator: "/").last.map(String.init) ?? ""
            let counts =
                last.hasSuffix(".oxs") || last.hasSuffix(".sst") || last.hasPrefix("MANIFEST") || last == "CURRENT"
                || (name.hasPrefix("catalog/") && last.hasSuffix(".log"))
            guard counts, let size = try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.size] as? Int
            else { return nil }
            return ("\(path)/\(name)", size)
        }
    }

    /// Reads every object: each gives its bytes or an error. Returns the errors.
    func readAll() -> [String: String] {
        var errors: [String: String] = [:]
        let reader: VaultReader
        do {
            reader = try self.reader()
        } catch {
            return contents.mapValues { _ in "\(error)" }
        }
        for (key, bytes) in contents {
            do {
                let found = try reader.bytes(object(key))
                #expect(found == bytes, "\(key) was served with other bytes")
            } catch {
                errors[key] = "\(error)"
            }
        }
        return errors
    }
}

/// Turns bits of one byte of a file.
func turnBits(_ mask: UInt8, at offset: Int, of path: String) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data([byte ^ mask]))
    try file.close()
}
