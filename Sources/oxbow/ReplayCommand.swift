import ArgumentParser
import Blocks
import Dialects
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
            traffic again stores nothing new.

            A capture that is cut or corrupt yields everything before the damage, with a warning; with --strict that ends \
            in exit code 1. SIGINT and SIGTERM stop reading, commit what was read, and end with 130; a second signal \
            stops at once.
            """)

    @OptionGroup var vault: VaultOptions

    @Argument(help: ArgumentHelp("Captures: pcap or pcapng files.", valueName: "file"))
    var files: [String]

    @Option(help: ArgumentHelp("What becomes objects: s3, http (any other HTTP), or all.", valueName: "dialect"))
    var dialect: String?

    @Option(
        name: .customLong("keys"),
        help: ArgumentHelp(
            "TLS secrets in the NSS key log format (SSLKEYLOGFILE); read on while the file grows. Repeatable. Secrets inside a pcapng are found without it.",
            valueName: "file"))
    var keyLogs: [String] = []

    @Option(
        help: ArgumentHelp(
            "Read only packets that match this BPF expression, as tcpdump has it.", valueName: "expression"))
    var filter: String?

    @Option(
        help: ArgumentHelp(
            "Keep or leave out: 'allow bucket=logs-*', 'deny host=*.internal', 'deny prefix=tmp/', 'allow cidr=10.0.0.0/8'. Repeatable; the first rule that matches decides.",
            valueName: "rule"))
    var scope: [String] = []

    @Option(
        name: .customLong("s3-endpoint"),
        help: ArgumentHelp("A host that serves S3 with the bucket as a label before it. Repeatable.", valueName: "host")
    )
    var s3Endpoints: [String] = []

    @Option(
        name: .customLong("block-size"),
        help: ArgumentHelp("Block size of a new vault: 4KiB to 8MiB, a power of two.", valueName: "size"))
    var blockSize: String?

    @Option(help: ArgumentHelp("Threads that hash blocks.", valueName: "count"))
    var hashers: Int?

    @Option(help: ArgumentHelp("Memory for block buffers.", valueName: "size"))
    var memory: String?

    @Option(
        name: .customLong("commit-bytes"), help: ArgumentHelp("Make durable after this many bytes.", valueName: "size"))
    var commitBytes: String?

    @Option(
        name: .customLong("commit-milliseconds"),
        help: ArgumentHelp("Make durable after this time.", valueName: "count"))
    var commitMilliseconds: Int?

    @Flag(help: "Exit with 1 when a capture is cut or corrupt.")
    var strict = false

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() throws {
        let options = try replayOptions()
        Interruption.install()
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
        if json { try JSONLine.print(report) } else { try summarise(report) }
        if Interruption.wasRequested { throw ExitCode(ExitStatus.interrupted) }
        if strict, !report.captureFaults.isEmpty { throw ExitCode(ExitStatus.findings) }
    }

    private func summarise(_ report: ReplayReport) throws {
        let vault = report.vault
        try Terminal.print(
            "\(report.packets) packets, \(ByteText.text(report.capturedBytes)) in \(String(format: "%.1f", report.seconds)) s"
        )
        try Terminal.print(
            "\(vault.blocks) blocks, \(ByteText.text(vault.blockBytes)); \(vault.newBlocks) new, \(ByteText.text(vault.newBlockBytes)) stored"
        )
        try Terminal.print("\(vault.versionsChecked) versions checked against the cloud's digests")
        for (reason, count) in report.frameFaults.sorted(by: { $0.key < $1.key }) {
            try Terminal.print("not TCP that could be read: \(count) frames, \(reason)")
        }
        for line in report.undecryptable {
            try Terminal.print(
                "not decrypted: \(line.flows) flows of \(line.host), \(ByteText.text(line.bytes)), \(line.reason)")
        }
        for (name, count) in report.exchanges.sorted(by: { $0.key < $1.key }) where name.hasPrefix("opaqueBytes.") {
            try Terminal.print("not readable: \(ByteText.text(count)) of \(name.dropFirst("opaqueBytes.".count))")
        }
    }

    private func replayOptions() throws -> ReplayOptions {
        let configured = try vault.configuration()
        let word = dialect ?? configured.dialect ?? "s3"
        guard let dialects = DialectOptions.dialects(named: word) else {
            throw ValidationError("\(word) is no dialect; say s3, http or all")
        }
        let rules = scope.isEmpty ? configured.scope ?? [] : scope
        let endpoints = s3Endpoints.isEmpty ? configured.s3Endpoints ?? [] : s3Endpoints
        var options = ReplayOptions(
            captures: files, vault: try vault.path(),
            dialects: DialectOptions(dialects: dialects, s3Endpoints: endpoints, scope: try Scope(rules)))
        options.keyLogs = keyLogs.isEmpty ? configured.keyLogs ?? [] : keyLogs
        options.filter = filter ?? configured.filter
        if let text = blockSize ?? configured.blockSize {
            options.blockSize = try BlockSize(bytes: Int(clamping: Self.size(text, "--block-size")))
        }
        options.hashers = hashers ?? configured.hashers ?? options.hashers
        guard (1...64).contains(options.hashers) else { throw ValidationError("--hashers is 1 to 64") }
        if let text = memory ?? configured.memory {
            options.poolBytes = Int(clamping: try Self.size(text, "--memory"))
        }
        if let text = commitBytes ?? configured.commitBytes {
            options.durability.commitBytes = try Self.size(text, "--commit-bytes")
        }
        if let milliseconds = commitMilliseconds ?? configured.commitMilliseconds {
            guard (1...3_600_000).contains(milliseconds) else {
                throw ValidationError("--commit-milliseconds is 1 to 3600000")
            }
            options.durability.commitNanoseconds = UInt64(milliseconds) * 1_000_000
        }
        return options
    }

    private static func size(_ text: String, _ option: String) throws -> UInt64 {
        guard let size = ByteText.parse(text), size > 0 else {
            throw ValidationError("\(option) \(text) is no size; say for example 64KiB or 1048576")
        }
        return size
    }
}

/// SIGINT and SIGTERM: the first asks for an orderly end, the second ends at once.
enum Interruption {
    /// What a pipeline watches.
    static let flag = StopFlag()
    private static let count = Atomic<Int>(0)

    /// True once a signal came.
    static var wasRequested: Bool { count.load(ordering: .relaxed) > 0 }

    /// Sets the handlers.
    static func install() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in
                // Only atomics and _exit: all that a signal handler may touch.
                if Interruption.count.add(1, ordering: .relaxed).oldValue > 0 { _exit(ExitStatus.interrupted) }
                Interruption.flag.raise()
            }
        }
    }
}
