import ArgumentParser
import Encryption
import Replication
import Vaults

/// What mends a damaged vault: options of `oxbow scrub`, and the repair.
struct RepairOptions: ParsableArguments {
    @Flag(help: "Mend what is damaged, as far as that can be done.")
    var repair = false

    @Option(
        name: .customLong("repair-from"),
        help: ArgumentHelp("Fetch lost blocks from this vault, whatever its block size and keys.", valueName: "dir"))
    var vault: String?

    @Option(
        name: .customLong("repair-key-file"),
        help: ArgumentHelp(
            "Key file of that vault, when it is another than this one's. Also: a vault with the same key needs none.",
            valueName: "file"))
    var keyFile: String?

    @OptionGroup var cloud: CloudOptions

    func validate() throws {
        guard repair || (vault == nil && cloud.source == nil) else {
            throw ValidationError("--repair-from and --repair-cloud need --repair.")
        }
        guard vault != nil || keyFile == nil else { throw ValidationError("--repair-key-file needs --repair-from.") }
    }

    /// True when more is wanted than to know.
    var isWanted: Bool { repair }

    /// Repairs the vault that `here` names.
    func repair(_ findings: [ScrubFinding], _ here: VaultOptions) async throws -> RepairReport {
        let path = try here.path()
        let secret = try here.secret()
        var findings = findings
        var report = RepairReport()
        if findings.contains(where: { $0.part == .catalog || $0.part == .catalogRow }) {
            _ = try VaultRebuild.run(at: path, secret: secret)
            report.isCatalogRebuilt = true
            findings = try VaultScrub.run(at: path, secret: secret, options: ScrubOptions(restarts: true)).findings
        }
        if findings.isEmpty { return report }
        let other = try otherVault(secret)
        let remote = try cloud.open()
        do {
            var writer = try VaultWriter(path: path, secret: secret)
            var lost: [LostBlock] = []
            for block in try writer.salvage(findings, &report) {
                if let other, try writer.restore(block, from: other.candidates(for: block), &report) { continue }
                if let remote, try writer.restore(block, from: await remote.candidates(for: block), &report) {
                    continue
                }
                lost.append(block)
            }
            try writer.finishRepair(of: findings, lost: lost, &report)
            try writer.close()
        } catch {
            await remote?.close()
            throw error
        }
        await remote?.close()
        return report
    }

    private func otherVault(_ own: VaultSecret?) throws -> VaultBlockSource? {
        guard let vault else { return nil }
        var secret: VaultSecret?
        if VaultLifecycle.needsKey(vault) {
            secret = try keyFile.map { try KeyOptions.secret(.keyFile, KeyOptions.read($0)) } ?? own
        }
        return VaultBlockSource(try VaultReader(opening: vault, secret: secret))
    }

    static func text(_ report: RepairReport) -> String {
        let catalog = report.isCatalogRebuilt ? "the catalog made anew; " : ""
        let lost =
            report.blocksLost.isEmpty
            ? "nothing is lost"
            : "\(report.blocksLost.count) BLOCKS ARE LOST, named above: give a better source, or replay their traffic"
        return
            "repaired: \(catalog)\(report.segmentsRewritten) segments rewritten (\(report.blocksCopied) blocks, \(report.rowsLogged) rows), \(report.blocksRestored) blocks restored (\(ByteText.text(report.bytesRestored))); \(lost)"
    }
}

/// The cloud as a source of what a vault lacks.
struct CloudOptions: ParsableArguments {
    @Option(
        name: .customLong("repair-cloud"),
        help: ArgumentHelp(
            "Fetch lost blocks from the cloud of the objects, s3://{bucket}?endpoint=http://HOST:PORT&region=REGION. Credentials as for `oxbow migrate`.",
            valueName: "url"))
    var source: String?

    /// The source; nil when none is named.
    func open() throws -> CloudBlockSource? { try source.map { try CloudBlockSource($0) } }
}
