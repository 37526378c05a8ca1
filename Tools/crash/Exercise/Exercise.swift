import Blocks
import Catalog
import Compression
import Encryption
import Foundation
import Objects
import Vaults

/// The settings of a run and of the checks of what it left.
struct Setting {
    var seed: UInt64 = 1
    var steps = 100
    var isEncrypted = false
    var compression = CompressionMethod.none
    var collects = true

    func secret() throws -> VaultSecret? {
        isEncrypted ? try VaultSecret(.keyFile, SecretBytes(copying: [UInt8](repeating: 7, count: 32).span.bytes)) : nil
    }

    func openWriter(_ path: String) throws -> VaultWriter {
        try VaultWriter(
            path: path, blockSize: BlockSize(bytes: History.blockBytes), compression: compression, secret: try secret(),
            durability: Durability(commitBytes: .max, commitNanoseconds: .max),
            poolBytes: 64 * History.blockBytes)
    }
}

/// Performs a history, and says on standard output how much of it may be and how much is durable.
///
/// `due N`: from here on the first N steps may be durable. `ack N`: they are. `failed ...`: a call failed; the vault was
/// opened again, and everything behind the last `ack` is done again, as a tap's next run would.
struct Exercise {
    let setting: Setting
    let vault: String
    private var acknowledged = 0

    init(_ setting: Setting, vault: String) {
        self.setting = setting
        self.vault = vault
    }

    mutating func run() throws {
        for attempt in 1... {
            do {
                try perform()
                return say("done \(setting.steps)")
            } catch {
                say("failed \(error)")
                // A full disk stays full: what counts then is that what was acknowledged can be read.
                if attempt == 3 { exit(3) }
            }
        }
    }

    private mutating func perform() throws {
        let history = History(seed: setting.seed)
        var writer = try setting.openWriter(vault)
        var done = acknowledged
        while done < setting.steps {
            if setting.collects, history.collects(before: done) {
                say("due \(done)")
                let retention = RetentionPolicy(keepVersions: 0, keepDeletedNanoseconds: 0)
                _ = try writer.collect(
                    CollectionOptions(retention: retention, garbageShareMax: 0, graceNanoseconds: 0),
                    now: UInt64(Date().timeIntervalSince1970 * 1e9))
                acknowledge(done)
            } else if history.commits(before: done) {
                say("due \(done)")
                try writer.commit()
                acknowledge(done)
            }
            if history.reopens(before: done) {
                say("due \(done)")
                try writer.close()
                acknowledge(done)
                writer = try reopened(writer)
            }
            try history.perform(done, on: &writer)
            done += 1
        }
        say("due \(done)")
        try writer.close()
        acknowledge(done)
    }

    private func reopened(_ writer: consuming VaultWriter) throws -> VaultWriter {
        _ = consume writer
        return try setting.openWriter(vault)
    }

    private mutating func acknowledge(_ count: Int) {
        acknowledged = count
        say("ack \(count)")
    }

}

/// Writes a line to standard output in one call: its place among the calls that change files is what counts.
func say(_ text: String) {
    let line = Array("\(text)\n".utf8)
    _ = write(STDOUT_FILENO, line, line.count)
}
