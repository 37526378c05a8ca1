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
            """)

    @OptionGroup var vault: VaultOptions

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() throws {
        var progress = ProgressLine(isEnabled: !json)
        let report = try VaultRebuild.run(at: vault.path()) { done, total in
            progress.draw(done: done, total: total, text: "segment \(done) of \(total)")
        }
        progress.clear()
        if json { return try JSONLine.print(report) }
        try Terminal.print(
            "\(report.segments) segment files read, \(report.blocks) blocks and \(report.records) catalog records")
    }
}
