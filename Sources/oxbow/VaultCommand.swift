import ArgumentParser
import Blocks
import Catalog
import Compression
import Encryption
import Foundation
import Vaults

/// `oxbow vault`.
struct VaultCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vault",
        abstract: "Makes a vault, tells about it, checks its files, and changes its settings.",
        subcommands: [
            VaultInitCommand.self, VaultInfoCommand.self, VaultCheckCommand.self, VaultSetCommand.self,
            VaultExportCommand.self, VaultRekeyCommand.self, VaultDecryptCommand.self, VaultUpgradeCommand.self,
        ])
}

/// `oxbow vault init`.
struct VaultInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Makes an empty vault.",
        discussion: """
            `oxbow replay` and `oxbow tap` make a vault with the defaults when there is none; this makes one with other \
            settings. The block size stays for the vault's life.
            """)

    @OptionGroup var vault: VaultOptions

    @Option(
        name: .customLong("block-size"),
        help: ArgumentHelp("Block size: 4KiB to 8MiB, a power of two.", valueName: "size"))
    var blockSize: String?

    @Option(
        help: ArgumentHelp(
            "How blocks are made smaller: none, lz4, zstd or zstd:LEVEL (-7 to 19).", valueName: "method"))
    var compression: String?

    @Option(
        help: ArgumentHelp(
            "none or aes-256-gcm. Default: aes-256-gcm when a key is named, else none. Without a named key the passphrase is asked for.",
            valueName: "cipher"))
    var encryption: String?

    @OptionGroup(title: "Backend") var backend: BackendOptions

    func run() throws {
        let size = try blockSize.map { text in
            try BlockSize(bytes: Int(clamping: IngestOptions.size(text, "--block-size")))
        }
        let path = try vault.path()
        let method = try compression.map { try IngestOptions.compression($0) }
        let about: VaultDescription
        if let settings = try backend.settings() {
            let made = try VaultLifecycle.create(
                at: path, backend: settings, blockSize: size, compression: method, secret: try secret())
            about = made.about
            Terminal.note(
                made.isJoined ? "one more writer of the vault in \(settings.url)" : "vault in \(settings.url)")
        } else {
            about = try VaultLifecycle.create(at: path, blockSize: size, compression: method, secret: try secret())
        }
        Terminal.note(
            "vault \(path), \(about.blockSize) blocks, compression \(about.compression), "
                + (about.isEncrypted
                    ? "encrypted: keep a copy of \(path)/keys.json and of what opens it" : "not encrypted"))
    }

    private func secret() throws -> VaultSecret? {
        switch encryption {
        case "none":
            guard !vault.key.isNamed else { throw ValidationError("A key was named, and --encryption none.") }
            return nil
        case nil, "aes-256-gcm":
            if let secret = try vault.secret() { return secret }
            guard encryption != nil else { return nil }
            guard KeyOptions.canAsk else {
                throw ValidationError("Say --key-file, --passphrase-file or --key-command, or run in a terminal.")
            }
            return try KeyOptions.ask("Passphrase of the new vault: ", twice: true)
        default: throw ValidationError("--encryption is none or aes-256-gcm")
        }
    }
}

/// `oxbow vault info`.
struct VaultInfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Tells what a vault is, and how large.")

    @OptionGroup var vault: VaultOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let reader = try vault.openForReading()
        let line = VaultLine(path: reader.layout.root, try VaultInformation(reader))
        if json { return try JSONLine.print(line) }
        try Terminal.print(
            """
            vault        \(line.path)
            id           \(line.id)
            format       \(line.format)\(line.format < VaultDescription.currentFormat ? " (`oxbow vault upgrade` moves it to \(VaultDescription.currentFormat))" : "")
            block size   \(reader.about.blockSize)
            compression  \(line.compression)
            encryption   \(line.encryption.map { "\($0), opens with: \(line.opens_with.joined(separator: ", ")); key epoch \(line.key_epoch ?? 0)" } ?? "none")
            segments     \(line.segments), \(ByteText.text(line.segment_bytes))
            blocks       about \(line.blocks)
            catalog      \(ByteText.text(line.catalog_bytes))
            used         \(ByteText.text(line.used_bytes))\(line.quota_bytes.map { " of \(ByteText.text($0)) (quota)" } ?? "")
            objects      \(line.quota_objects.map { "at most \($0) (quota)" } ?? "any number")
            writer       \(line.writer ?? "none")
            """)
        if let backend = line.backend {
            try Terminal.print(
                """
                backend      \(backend)
                as writer    \(line.backend_writer ?? "none: this folder only reads")
                waiting      \(line.segments_waiting), \(ByteText.text(line.segment_bytes_waiting))
                """)
        }
    }
}

/// A vault in `vault info --json`. Times are seconds since 1970 UTC.
private struct VaultLine: Encodable {
    var path: String
    var id: String
    var format: Int
    var block_size: Int
    var created: Double
    var compression: String
    var encryption: String?
    var opens_with: [String]
    var key_epoch: UInt32?
    var segments: Int
    var segment_bytes: UInt64
    var blocks: UInt64
    var catalog_bytes: UInt64
    var used_bytes: UInt64
    var quota_bytes: UInt64?
    var quota_objects: UInt64?
    var writer: String?
    var backend: String?
    var backend_writer: String?
    var segments_waiting: Int
    var segment_bytes_waiting: UInt64

    init(path: String, _ found: VaultInformation) {
        self.path = path
        id = found.about.idText
        format = found.about.format
        block_size = found.about.blockSize.bytes
        created = Double(found.about.created) / 1e9
        compression = found.about.compression.description
        encryption = found.about.isEncrypted ? "aes-256-gcm" : nil
        opens_with = found.opensWith
        key_epoch = found.keyEpoch
        segments = found.segments
        segment_bytes = found.segmentBytes
        blocks = found.catalog.blocks
        catalog_bytes = found.catalog.diskBytes
        used_bytes = found.usedBytes
        quota_bytes = found.about.quotaBytes
        quota_objects = found.about.quotaObjects
        writer = found.writer
        backend = found.backend?.url
        backend_writer = found.backend?.writerName
        segments_waiting = found.segmentsWaiting
        segment_bytes_waiting = found.segmentBytesWaiting
    }
}

/// `oxbow vault check`.
struct VaultCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Looks whether a vault's files are all there and fit together.",
        discussion: """
            Reads the description, each segment's header and footer, the frames of unsealed segments, and compares every \
            entry of the block index with the segments. Block data is not read: `oxbow verify` does that. Nothing is \
            changed. Exit code 1 when something is wrong.
            """)

    @OptionGroup var vault: VaultOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        let found = try VaultInspection(vault.openForReading())
        for problem in found.problems { Terminal.note("oxbow: \(problem)") }
        if json {
            try JSONLine.print(Line(segments: found.segments, blocks: found.blocks, problems: found.problems))
        } else {
            try Terminal.print(
                "\(found.segments) segment files and \(found.blocks) index entries looked at: "
                    + (found.problems.isEmpty ? "all fit together" : "\(found.problems.count) PROBLEMS, named above"))
        }
        if !found.problems.isEmpty { throw ExitCode(ExitStatus.findings) }
    }

    private struct Line: Encodable {
        var segments: Int
        var blocks: UInt64
        var problems: [String]
    }
}

/// `oxbow vault set`.
struct VaultSetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Changes how a vault stores what is yet to come.",
        discussion: "What is stored stays as it is; blocks of all methods live in one vault.")

    @OptionGroup var vault: VaultOptions

    @Option(
        help: ArgumentHelp(
            "How new blocks are made smaller: none, lz4, zstd or zstd:LEVEL (-7 to 19).", valueName: "method"))
    var compression: String?

    @Option(
        help: ArgumentHelp(
            "Bytes that the vault's files may take (500G), or none. Heeded at once, also by a tap that runs.",
            valueName: "size"))
    var quota: String?

    @Option(
        name: .customLong("quota-objects"),
        help: ArgumentHelp(
            "Live objects that the vault may have, or none for no such limit. Heeded at once, also by a tap that runs.",
            valueName: "number"))
    var quotaObjects: String?

    func validate() throws {
        guard compression != nil || quota != nil || quotaObjects != nil else {
            throw ValidationError("Say --compression, --quota or --quota-objects.")
        }
    }

    func run() throws {
        if let compression {
            try VaultLifecycle.setCompression(IngestOptions.compression(compression), at: vault.path())
        }
        if let quota {
            try VaultLifecycle.setQuota(
                quota == "none" ? nil : IngestOptions.size(quota, "--quota"), at: vault.path())
        }
        if let quotaObjects {
            guard quotaObjects == "none" || UInt64(quotaObjects) != nil else {
                throw ValidationError("--quota-objects must be a number of objects or none, not '\(quotaObjects)'.")
            }
            try VaultLifecycle.setObjectQuota(UInt64(quotaObjects), at: vault.path())
        }
    }
}

/// `oxbow vault upgrade`.
struct VaultUpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Moves a vault to this release's format.",
        discussion: """
            Takes a moment: stored data stays as it is. Older releases refuse the vault afterwards, with a message that \
            says so. A vault that has the current format stays as it is.
            """)

    @OptionGroup var vault: VaultOptions

    func run() throws {
        let path = try vault.path()
        let found = try VaultLifecycle.upgrade(at: path)
        let current = VaultDescription.currentFormat
        Terminal.note(
            found == current ? "\(path) has format \(current) already" : "\(path): format \(found) -> \(current)")
    }
}
