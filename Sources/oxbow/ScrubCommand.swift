import ArgumentParser
import Foundation
import Vaults

/// `oxbow scrub`.
struct ScrubCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrub",
        abstract: "Reads everything that a vault has, proves it, and names what is damaged.",
        discussion: """
            Example: oxbow scrub --vault /srv/vault --rate 100M

            First the catalog: RocksDB's files by their checksums, its rows and the block index by what the segment files \
            say, and every block that an object needs by the index. Then the segment files, every byte of them: headers, \
            frames, footers and each block by checksum, decryption, expansion and fingerprint.

            Damage is named with the file, the bytes in it, and the objects and their bytes that need it. It may be run \
            beside a tap or a replay. Interrupted, it goes on with the segment it was in when it is run again; --restart \
            begins anew.

            A damaged block leaves the block index when the vault is next written to, so that its traffic, replayed or seen \
            again, stores it once more.

            --repair mends what can be mended: what is whole is moved out of damaged files, a damaged catalog is made anew, \
            and lost blocks are fetched from the vault that --repair-from names and from the cloud that \
            --repair-cloud names, by range and under the ETag that the vault knows. Nothing is taken that does not have its block's \
            fingerprint. No other process may write to the vault then.

            Exit code 1 when something is damaged and was not repaired.
            """)

    @OptionGroup var vault: VaultOptions

    @Option(
        help: ArgumentHelp(
            "Read at most so many bytes of segments a second (50M, 1G); without it as fast as the disk is.",
            valueName: "size"))
    var rate: String?

    @Flag(help: "Begin anew although an interrupted scrub could go on.")
    var restart = false

    @OptionGroup var repairing: RepairOptions

    @Flag(help: "Print one JSON object a line: each finding, then the report, then that of the repair.")
    var json = false

    func run() async throws {
        let options = ScrubOptions(
            bytesPerSecondMax: try rate.map { text in
                guard let rate = ByteText.parse(text), rate > 0 else {
                    throw ValidationError("--rate must be bytes a second like 50M, not '\(text)'.")
                }
                return rate
            }, restarts: restart)
        var line = ProgressLine(isEnabled: !json)
        let report = try VaultScrub.run(at: vault.path(), secret: vault.secret(), options: options) { done, total in
            line.draw(
                done: done, total: total, text: "\(ByteText.text(done)) of \(ByteText.text(total))")
            return true
        }
        line.clear()
        try print(report)
        if report.findings.isEmpty { return }
        guard repairing.isWanted else { throw ExitCode(ExitStatus.findings) }
        let repaired = try await repairing.repair(report.findings, vault)
        if json { try JSONLine.print(repaired) } else { try Terminal.print(RepairOptions.text(repaired)) }
        if !repaired.blocksLost.isEmpty { throw ExitCode(ExitStatus.findings) }
    }

    private func print(_ report: ScrubReport) throws {
        if json {
            for finding in report.findings { try JSONLine.print(finding) }
            return try JSONLine.print(Summary(report))
        }
        for finding in report.findings { Terminal.note(Self.text(finding)) }
        try Terminal.print(
            "\(report.segments) segment files (\(ByteText.text(report.bytes))), \(report.blocks) blocks, \(report.records) catalog records, \(report.indexEntries) index entries and \(report.references) references of objects proven: "
                + (report.findings.isEmpty
                    ? "no damage" : "\(UInt64(report.findings.count) + report.findingsLeftOut) DAMAGED, named above"))
    }

    /// The last line of `--json`.
    private struct Summary: Encodable {
        var segments: UInt64
        var bytes: UInt64
        var blocks: UInt64
        var records: UInt64
        var index_entries: UInt64
        var references: UInt64
        var resumed: Bool
        var damaged: UInt64

        init(_ report: ScrubReport) {
            segments = report.segments
            bytes = report.bytes
            blocks = report.blocks
            records = report.records
            index_entries = report.indexEntries
            references = report.references
            resumed = report.isResumed
            damaged = UInt64(report.findings.count) + report.findingsLeftOut
        }
    }

    static func text(_ finding: ScrubFinding) -> String {
        var text = "\(finding.part.rawValue) damaged: \(finding.path)"
        if let offset = finding.offset, let length = finding.length {
            text += ", bytes \(offset) to \(offset + max(length, 1) - 1)"
        }
        if let fingerprint = finding.fingerprint { text += ", block \(fingerprint)" }
        text += ": \(finding.reason)"
        for object in finding.objects {
            text += "\n    needed by \(object.name)"
            if let part = object.part { text += ", part \(part) of upload \(object.versionID ?? "")" }
            if let etag = object.etag { text += ", ETag \(etag)" }
            text += ", bytes \(object.offset) to \(object.offset + max(object.length, 1) - 1)"
        }
        return text
    }
}
