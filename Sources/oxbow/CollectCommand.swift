import ArgumentParser
import Foundation
import Vaults

/// `oxbow collect`.
struct CollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect",
        abstract: "Forgets old versions, and gives back the room of blocks that nothing uses.",
        discussion: """
            Example: oxbow collect --vault /srv/vault --keep-versions 3 --keep-deleted 30d

            What the cloud serves now is never forgotten. Other versions go when every rule that is given allows it: \
            beyond the newest --keep-versions of their name, and replaced or deleted longer than --keep-deleted ago. \
            Without either, no version goes.

            Segments that hold too much garbage are rewritten: what is in use is copied to the log's end and made durable, \
            then the file goes, after a time of grace for commands that began before. It may be run beside a tap or a \
            replay: then that process does it, a little between its batches. Interrupted, it loses nothing and is begun \
            anew.

            Exit code 1 when damage kept a segment from being rewritten.
            """)

    @OptionGroup var vault: VaultOptions

    @Option(
        name: .customLong("keep-versions"),
        help: ArgumentHelp("Keep the newest versions of each name, whatever their age.", valueName: "number"))
    var keepVersions: Int?

    @Option(
        name: .customLong("keep-deleted"),
        help: ArgumentHelp(
            "Keep versions this long after they were replaced or deleted (90s, 12h, 30d).", valueName: "time"))
    var keepDeleted: String?

    @Option(
        name: .customLong("keep-uploads"),
        help: ArgumentHelp(
            "Forget multipart uploads of which nothing was seen for this long; without it they stay.",
            valueName: "time"))
    var keepUploads: String?

    @Option(
        help: ArgumentHelp("Rewrite segments with more garbage than this, in percent.", valueName: "percent"))
    var garbage = 20

    @Option(
        help: ArgumentHelp("How long files of rewritten segments stay for those who read them now.", valueName: "time"))
    var grace = "10m"

    @Flag(
        name: .customLong("dry-run"),
        help: "Change nothing; say what would go. Room of versions that would be forgotten is not counted.")
    var isDryRun = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() throws {
        let report = try collect(try options())
        for damage in report.damage { Terminal.note("oxbow: warning: \(damage)") }
        if json { try JSONLine.print(report) } else { try Terminal.print(text(report)) }
        if !report.damage.isEmpty { throw ExitCode(ExitStatus.findings) }
    }

    private func options() throws -> CollectionOptions {
        guard (0...95).contains(garbage) else { throw ValidationError("--garbage must be 0 to 95, not \(garbage).") }
        if let keepVersions, keepVersions < 0 { throw ValidationError("--keep-versions must not be negative.") }
        return CollectionOptions(
            retention: RetentionPolicy(
                keepVersions: keepVersions,
                keepDeletedNanoseconds: try keepDeleted.map { try span($0, "--keep-deleted") },
                keepUploadsNanoseconds: try keepUploads.map { try span($0, "--keep-uploads") }),
            garbageShareMax: Double(garbage) / 100, graceNanoseconds: try span(grace, "--grace"), isDryRun: isDryRun)
    }

    private func span(_ text: String, _ option: String) throws -> UInt64 {
        guard let seconds = DurationText.seconds(text), seconds < 1e10 else {
            throw ValidationError("\(option) must be a time like 90s, 12h or 30d, not '\(text)'.")
        }
        return UInt64(seconds * 1e9)
    }

    /// Collects here, or asks the process that has the vault.
    private func collect(_ options: CollectionOptions) throws -> CollectionReport {
        let path = try vault.path()
        // Who means to collect a vault has one: nothing is made here.
        _ = try vault.openForReading()
        do {
            var writer = try VaultWriter(path: path, secret: try vault.secret())
            // A bucket that does not answer ends this, not what it did until then.
            writer.givesUp = { true }
            let report = try writer.collect(options, now: UInt64(Date().timeIntervalSince1970 * 1e9))
            try writer.close()
            return report
        } catch VaultError.locked(_, let owner) {
            return try ask(VaultLayout(root: path), owner, options)
        }
    }

    private func ask(_ layout: VaultLayout, _ owner: String, _ options: CollectionOptions) throws -> CollectionReport {
        let mailbox = CollectionMailbox(layout)
        let id = try mailbox.post(options)
        Terminal.note("oxbow: \(owner) has the vault, and was asked to collect")
        let start = Date()
        while true {
            switch mailbox.takeAnswer(id) {
            case .report(let report)?: return report
            case .failure(let reason)?: throw CommandFailure(description: "\(owner) could not collect: \(reason)")
            case nil: break
            }
            if mailbox.isWaiting(id), Date().timeIntervalSince(start) > Self.patienceSeconds {
                mailbox.withdraw(id)
                throw CommandFailure(
                    description: "\(owner) has the vault and does not take the request; try again when it has ended")
            }
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    /// A writer looks for requests once a second, but for when it opens or closes the vault.
    private static let patienceSeconds = 60.0

    private func text(_ report: CollectionReport) -> String {
        let rewritten = isDryRun ? "to be rewritten" : "rewritten"
        return """
            forgotten    \(report.versionsForgotten) versions, \(report.uploadsForgotten) uploads
            segments     \(report.segments), \(ByteText.text(report.segmentBytes)), of these \(ByteText.text(report.liveBytes)) in use
            \(rewritten.padding(toLength: max(12, rewritten.count), withPad: " ", startingAt: 0)) \(report.segmentsRewritten) segments, \(ByteText.text(report.rewrittenBytes)); \(ByteText.text(report.copiedBytes)) copied
            blocks       \(report.blocksRemoved) removed
            given back   \(ByteText.text(report.bytesFreed)); \(ByteText.text(report.bytesInGrace)) more when their time of grace is over, by the next collection
            """
    }
}
