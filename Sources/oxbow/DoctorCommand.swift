import ArgumentParser
import Capture
import Foundation
import Pipeline

/// `oxbow doctor`.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Says before a tap is started what would go wrong.",
        discussion: """
            Example: oxbow doctor -i eth0 --vault /srv/vault

            Examines libpcap, capabilities, the clock, the limit of open files; for each interface its state, MTU, offloads, \
            and whether it can be captured; the memory for rings; at the vault's place the room, the time that a synced \
            write takes, and whether the vault opens or can be made. Every line says OK, WARN (a tap runs, but may lose \
            something) or FAIL (it does not run), and what to do.

            Exit codes: 0 all OK or WARN, 1 something is FAIL.
            """)

    @OptionGroup var vault: VaultOptions

    @Option(
        name: [.customShort("i"), .customLong("interface")],
        help: ArgumentHelp("An interface that shall be tapped, or any. Repeatable.", valueName: "interface"))
    var interfaces: [String] = []

    @Option(help: ArgumentHelp("As for tap.", valueName: "count"))
    var rings: Int?

    @Option(help: ArgumentHelp("As for tap.", valueName: "bytes"))
    var snaplen: Int?

    @Option(help: ArgumentHelp("As for tap.", valueName: "size"))
    var buffer: String?

    @Option(help: ArgumentHelp("As for tap.", valueName: "expression"))
    var filter: String?

    @Flag(help: "As for tap.")
    var promiscuous = false

    @Flag(help: "Print a JSON object a line: check, verdict, found, remedy.")
    var json = false

    func run() throws {
        let configured = try vault.configuration()
        var live = LiveOptions()
        live.snapLength = snaplen ?? configured.snaplen ?? live.snapLength
        if let text = buffer ?? configured.buffer {
            live.bufferBytes = Int(clamping: try IngestOptions.size(text, "--buffer"))
        }
        live.filter = filter ?? configured.filter
        live.isPromiscuous = promiscuous || configured.promiscuous ?? false
        let findings = Examination(
            interfaces: interfaces.isEmpty ? configured.interfaces ?? [] : interfaces,
            rings: rings ?? configured.rings ?? 1, live: live, vault: try? vault.path(), secret: try vault.secret()
        ).run()
        for finding in findings {
            if json { try JSONLine.print(finding) } else { try Terminal.print(line(finding)) }
        }
        if findings.contains(where: { $0.verdict == .failure }) { throw ExitCode(ExitStatus.findings) }
    }

    private func line(_ finding: Finding) -> String {
        let verdict = finding.verdict.rawValue.padding(toLength: 4, withPad: " ", startingAt: 0)
        let remedy = finding.remedy.map { "\n     -> \($0)" } ?? ""
        return "\(verdict) \(finding.check): \(finding.found)\(remedy)"
    }
}
