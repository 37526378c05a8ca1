import ArgumentParser
import Vaults

/// `oxbow rebuild`.
struct RebuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Makes a vault's catalog and block index anew from its segment files.",
        discussion: """
            The segment files are the truth; the catalog (RocksDB) is a view of them. The old catalog is replaced only when \
            the new one is complete.

            A damaged block stays in the index, so that `oxbow verify` names it, unless --check-blocks leaves it out: then \
            the next replay of its traffic stores it again. Exit code 1 when damage was found.

            With --from a vault is brought back from its backend alone, after the loss of the folder.
            """)

    @OptionGroup var vault: VaultOptions

    @Option(
        help: ArgumentHelp(
            "Make the vault's folder, which is new, from this backend: s3://BUCKET[/PREFIX][?endpoint=URL] or file:DIR. It shows what all writers stored, and only reads.",
            valueName: "url"))
    var from: String?

    @Option(
        help: ArgumentHelp(
            "With --from: go on as this writer (`oxbow vault info` named it), whose own folder is gone for good.",
            valueName: "writer"))
    var writer: String?

    @Flag(name: .customLong("check-blocks"), help: "Read every block, and forget the damaged ones.")
    var checkBlocks = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    private func writerNumber() throws -> UInt32? {
        guard let writer else { return nil }
        guard let number = VaultBackend.writer(named: writer) else {
            throw ValidationError("--writer is eight hexadecimal digits, not '\(writer)'.")
        }
        return number
    }

    func validate() throws {
        if writer != nil, from == nil { throw ValidationError("--writer goes with --from.") }
    }

    func run() throws {
        var progress = ProgressLine(isEnabled: !json)
        let show: (UInt64, UInt64) -> Void = { done, total in
            progress.draw(done: done, total: total, text: "segment \(done) of \(total)")
        }
        let report: VaultRebuild.Report
        if let from {
            report = try VaultRebuild.restore(
                from: from, to: vault.path(), as: try writerNumber(), secret: vault.secret(), checksBlocks: checkBlocks,
                progress: show)
        } else {
            report = try VaultRebuild.run(
                at: vault.path(), secret: vault.secret(), checksBlocks: checkBlocks, progress: show)
        }
        progress.clear()
        for damage in report.damage { Terminal.note("oxbow: warning: \(damage)") }
        if json {
            try JSONLine.print(report)
        } else {
            try Terminal.print(
                "\(report.segments) segment files read, \(report.blocks) blocks and \(report.records) catalog records")
        }
        if !report.damage.isEmpty { throw ExitCode(ExitStatus.findings) }
    }
}
