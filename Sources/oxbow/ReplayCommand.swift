import ArgumentParser
import Foundation
import Pipeline
import Synchronization
import Vaults

/// `oxbow replay`.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Rebuilds the objects in captures and keeps them in a vault.",
        discussion: """
            Several captures are read as one stream of time. The vault is made if it does not exist. Replaying the same \
            traffic again stores nothing new. TLS is read with the sessions' secrets: from --keys, or from a pcapng that \
            holds them, which is looked for without being asked.

            A capture that is cut or corrupt yields everything before the damage, with a warning; with --strict that ends \
            in exit code 1. SIGINT and SIGTERM stop reading, commit what was read, and end with 130; a second signal \
            stops at once.
            """)

    @OptionGroup var vault: VaultOptions

    @Argument(help: ArgumentHelp("Captures: pcap or pcapng files.", valueName: "file"))
    var files: [String]

    @OptionGroup var keys: KeyArguments

    @OptionGroup var ingest: IngestOptions

    @Flag(help: "Exit with 1 when a capture is cut or corrupt.")
    var strict = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() throws {
        let configured = try vault.configuration()
        var options = try ingest.options(captures: files, vault: vault.path(), configured)
        options.secret = try vault.secret()
        options.keys = try keys.options(configured, wait: nil)
        Interruption.install()
        keys.warn()
        var progress = ProgressLine(isEnabled: !json)
        let report: ReplayReport
        do {
            report = try ReplayRun(options, stop: Interruption.flag).run { step in
                progress.draw(
                    done: step.bytesRead, total: step.bytesTotal,
                    text:
                        "\(ByteText.text(step.bytesRead)) of \(ByteText.text(step.bytesTotal)), \(step.packets) packets"
                )
            }
        } catch {
            progress.clear()
            throw error
        }
        progress.clear()
        for fault in report.captureFaults { Terminal.note("oxbow: warning: \(fault)") }
        for problem in report.problems { Terminal.note("oxbow: warning: \(problem)") }
        if json { try JSONLine.print(report) } else { try report.printSummary() }
        if Interruption.wasRequested { throw ExitCode(ExitStatus.interrupted) }
        if strict, !report.captureFaults.isEmpty { throw ExitCode(ExitStatus.findings) }
    }
}

/// SIGINT and SIGTERM: the first asks for an orderly end, the second ends at once.
enum Interruption {
    /// What a pipeline watches.
    static let flag = StopFlag()
    private static let count = Atomic<Int>(0)

    /// A parent may have blocked signals, and a program that it starts inherits that: it could then not be stopped.
    static func unblock(_ numbers: [Int32]) {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in numbers { unsafe sigaddset(&signals, number) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// True once a signal came.
    static var wasRequested: Bool { count.load(ordering: .relaxed) > 0 }

    /// Sets the handlers.
    static func install() {
        unblock([SIGINT, SIGTERM])
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in
                // Only atomics and _exit: all that a signal handler may touch.
                if Interruption.count.add(1, ordering: .relaxed).oldValue > 0 { _exit(ExitStatus.interrupted) }
                Interruption.flag.raise()
            }
        }
    }
}
