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
            """)

    @OptionGroup var vault: VaultOptions

    @Flag(name: .customLong("check-blocks"), help: "Read every block, and forget the damaged ones.")
    var checkBlocks = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() throws {
        var progress = ProgressLine(isEnabled: !json)
        let report = try VaultRebuild.run(
            at: vault.path(), secret: vault.secret(), checksBlocks: checkBlocks
        ) { done, total in
            progress.draw(done: done, total: total, text: "segment \(done) of \(total)")
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
