import ArgumentParser
import Blocks
import Encryption
import Foundation
import Objects
import Vaults

/// `oxbow vault export`.
struct VaultExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Copies a vault, or objects of it, into another vault: a backup that can be used as it is.",
        discussion: """
            Example: oxbow vault export --vault /srv/vault --to /mnt/backup/vault

            The copy is a vault of its own, with every version that is kept, its history and what is known of it; every \
            command works on it. What is there already is not read again: run it every night into the same folder, and it \
            adds what is new. One that was stopped goes on when it is run again. What the source forgets later \
            stays. What is added is read back and checked. The source is only read: a tap may go on writing to it.

            The copy has the source's block size, compression and encryption unless options say otherwise; an encrypted \
            source's secret opens the copy too, unless a --to-key option names another. Open multipart uploads are not \
            copied.

            Exit code 1 when something could not be copied, or was read back otherwise.
            """)

    @OptionGroup var vault: VaultOptions

    @Option(
        name: .customLong("to"), help: ArgumentHelp("Folder of the copy, as DIR or file:DIR.", valueName: "target"))
    var target: String

    @Option(help: ArgumentHelp("Only names that begin with this URL.", valueName: "prefix"))
    var prefix: String?

    @OptionGroup var moment: MomentOptions

    @Option(
        name: .customLong("block-size"),
        help: ArgumentHelp("Block size of a new copy: 4KiB to 8MiB, a power of two.", valueName: "size"))
    var blockSize: String?

    @Option(help: ArgumentHelp("How its blocks are made smaller: none, lz4, zstd or zstd:LEVEL.", valueName: "method"))
    var compression: String?

    @Option(name: .customLong("to-key-file"), help: ArgumentHelp("As --key-file, for the copy.", valueName: "file"))
    var keyFile: String?

    @Option(
        name: .customLong("to-passphrase-file"),
        help: ArgumentHelp("As --passphrase-file, for the copy.", valueName: "file"))
    var passphraseFile: String?

    @Option(
        name: .customLong("to-key-command"), help: ArgumentHelp("As --key-command, for the copy.", valueName: "command")
    )
    var keyCommand: String?

    @Flag(name: .customLong("to-clear"), help: "The copy of an encrypted vault is not encrypted.")
    var isClear = false

    @Flag(name: .customLong("no-read-back"), help: "Do not read back what was added.")
    var skipsReadBack = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() throws {
        let path = target.hasPrefix("file:") ? String(target.dropFirst("file:".count)) : target
        guard !path.isEmpty, !path.contains("://") else {
            throw ValidationError("--to \(target) is no folder; `oxbow migrate` copies objects to clouds.")
        }
        var options = ExportOptions()
        options.blockSize = try blockSize.map {
            try BlockSize(bytes: Int(clamping: IngestOptions.size($0, "--block-size")))
        }
        options.compression = try compression.map { try IngestOptions.compression($0) }
        options.prefix = prefix
        options.moment = try moment.time()
        options.readsBack = !skipsReadBack
        let secret = try vault.secret()
        options.secret = try targetSecret(of: path, source: secret)
        let source = try vault.path()
        var export = try VaultExport(to: path, options: options) { try VaultReader(opening: source, secret: secret) }
        var line = ProgressLine(isEnabled: !json)
        let report = try export.run { versions, bytes in
            line.draw(done: versions, total: .max, text: "\(versions) versions, \(ByteText.text(bytes)) read")
        }
        line.clear()
        let forgotten = try ForgottenObjects.report(
            in: try vault.openForReading(), at: options.moment, json: false,
            where: { name in prefix.map { name.url.hasPrefix($0) } ?? true })
        for problem in report.problems { Terminal.note("oxbow: warning: \(problem)") }
        if json {
            try JSONLine.print(report)
        } else {
            try Terminal.print(
                """
                versions     \(report.versionsAdded) added, \(report.versionsKept) there already
                read         \(ByteText.text(report.bytesRead)) of objects, \(ByteText.text(report.bytesAdded)) of new blocks
                read back    \(report.versionsReadBack) versions
                problems     \(report.problems.count)
                """)
        }
        if !report.problems.isEmpty || forgotten > 0 { throw ExitCode(ExitStatus.findings) }
    }

    private func targetSecret(of path: String, source: VaultSecret?) throws -> VaultSecret? {
        var named = KeyOptions()
        named.keyFile = keyFile
        named.passphraseFile = passphraseFile
        named.keyCommand = keyCommand
        if isClear {
            guard !named.isNamed else { throw ValidationError("Say --to-clear or a --to-key option, not both.") }
            return nil
        }
        return named.isNamed ? try named.secret(Configuration(), vault: path) : source
    }
}
