import ArgumentParser
import Capture
import Foundation
import Pipeline
import Vaults

/// `oxbow tap`.
struct TapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tap",
        abstract: "Watches network interfaces and keeps the objects that pass in a vault.",
        discussion: """
            Example: oxbow tap -i eth0 --vault /srv/vault --user oxbow --statistics 10s

            It reads copies of packets and never touches a connection. It needs CAP_NET_RAW: run it as root and name a \
            --user to go on as once the interfaces are open, or give the program the capability with \
            'setcap cap_net_raw+ep'. `oxbow doctor` says beforehand what would go wrong.

            Several interfaces are one stream of time, so the two directions of a connection may come by different ones. \
            'any' stands for all. An interface that goes away is taken up again when it comes back.

            When storage cannot keep up, packets wait in 64 MiB of memory, then in the spool on disk (--spool-limit), and \
            are caught up later. Beyond that whole connections are left out (policy shed-flow-classes) until there is room; \
            they are counted, and the objects they carried say overload where bytes are missing. What the kernel dropped is \
            counted the same way as kernel-drop; a larger --buffer helps.

            SIGINT or SIGTERM: takes in what was captured, commits, reports, exits with 0; a second signal exits with 130 \
            at once. SIGHUP reads scope, filter, keys, queue, spool-limit, commit-bytes, commit-milliseconds and statistics \
            anew from the configuration file (those that no flag set), and opens the key logs anew.

            TLS is read with the sessions' secrets: name the key logs that the nodes' programs write (SSLKEYLOGFILE) with \
            --keys. They may come late, appear later, be rotated or cut. A connection waits --key-wait for its secrets, in \
            --key-memory, then on disk within --key-spool-limit; what is not read is counted by host as key-missing. \
            With --user, that user must be able to read the logs for a rotated one to be opened.

            With --json standard output has one object a line: kind `statistics`, `endpoint`, `left-out`, and at the end `report`.
            """)

    @OptionGroup var vault: VaultOptions

    @Option(
        name: [.customShort("i"), .customLong("interface")],
        help: ArgumentHelp("An interface, or any. Repeatable.", valueName: "interface"))
    var interfaces: [String] = []

    @Option(
        help: ArgumentHelp(
            "Rings of each interface, 1 to 16, each with a thread: the kernel shares connections out among them (default: 1).",
            valueName: "count"))
    var rings: Int?

    @OptionGroup var keys: KeyArguments

    @OptionGroup var ingest: IngestOptions

    @Option(help: ArgumentHelp("Most bytes taken of a frame: 64 to 262144.", valueName: "bytes"))
    var snaplen: Int?

    @Option(
        help: ArgumentHelp(
            "The kernel's ring, for each interface and each of its --rings: 1MiB to 2GiB (default: 64MiB).",
            valueName: "size"))
    var buffer: String?

    @Option(
        name: .customLong("timeout-milliseconds"),
        help: ArgumentHelp(
            "How long the kernel may hold packets back to hand over many at once: 1 to 10000.", valueName: "count"))
    var timeoutMilliseconds = 20

    @Flag(help: "Take each packet at once, with a ring that holds far fewer.")
    var immediate = false

    @Flag(help: "Take frames for other stations too: on mirror ports.")
    var promiscuous = false

    @Option(help: ArgumentHelp("Go on as this user once the interfaces are open.", valueName: "user"))
    var user: String?

    @Option(
        name: .customLong("queue"),
        help: ArgumentHelp("Memory for packets that wait (default: 64MiB).", valueName: "size"))
    var queue: String?

    @Option(
        name: .customLong("spool-limit"),
        help: ArgumentHelp(
            "Disk for packets that wait, in the vault's folder; 0 for none (default: 1GiB).", valueName: "size"))
    var spoolLimit: String?

    @Option(help: ArgumentHelp("Print a line this often: 500ms, 10s, 5m.", valueName: "time"))
    var statistics: String?

    @Option(
        name: .customLong("on-new-endpoint"),
        help: ArgumentHelp(
            "Run this shell command when nodes talk to an endpoint that the vault has not seen: OXBOW_ENDPOINT_CLOUD, OXBOW_ENDPOINT_HOST and OXBOW_VAULT are set.",
            valueName: "command"))
    var onNewEndpoint: String?

    @OptionGroup var metrics: MetricsArguments

    @Flag(help: "Print statistics, events and the report as JSON.")
    var json = false

    func run() throws {
        let configured = try vault.configuration()
        let options = try tapOptions(configured)
        let interval = try statisticsInterval(configured)
        let metricsPort = try metrics.listen(configured)
        Interruption.install()
        Reload.install()
        var run: TapRun
        do {
            run = try TapRun(options, stop: Interruption.flag)
        } catch {
            throw CommandFailure(description: error.description, status: ExitStatus.of(error))
        }
        // Before the first thread: capabilities belong to threads, and these inherit them.
        if let user = user ?? configured.user { try Privileges.drop(to: user) }
        var metrics: MetricsService?
        if let socket = consume metricsPort { metrics = try MetricsService(socket) }
        defer { metrics?.stop() }
        keys.warn()
        for warning in run.warnings { Terminal.note("oxbow: warning: \(warning)") }
        Terminal.note("oxbow: tapping \(options.interfaces.joined(separator: ", ")) into \(options.storing.vault)")
        var monitor = TapMonitor(
            interval: interval, json: json, vault: options.storing.vault,
            hook: onNewEndpoint ?? configured.onNewEndpoint)
        let report = try run.run { status in
            monitor.take(status)
            metrics?.take(status)
            return Reload.takeRequest() ? reload(&monitor) : nil
        }
        for problem in report.replay.problems { Terminal.note("oxbow: warning: \(problem)") }
        if json { try JSONLine.print(report) } else { try summarise(report) }
    }

    private func summarise(_ report: TapReport) throws {
        try report.replay.printSummary()
        for interface in report.interfaces {
            var text =
                "\(interface.name): \(interface.received) received = \(interface.processed) processed + \(interface.droppedByKernel) dropped by the kernel + \(interface.droppedByOverload) by overload + \(interface.unread) unread"
            if interface.loopbackCopies > 0 {
                text += "; \(interface.loopbackCopies) of loopback, which come twice and count once"
            }
            if interface.ringReceived.count > 1 {
                text += "; by ring \(interface.ringReceived.map(String.init).joined(separator: ", "))"
            }
            if interface.droppedByInterface > 0 { text += "; \(interface.droppedByInterface) dropped by the interface" }
            if interface.lostTimes > 0 {
                text += "; away \(interface.lostTimes) times, \(String(format: "%.1f", interface.outageSeconds)) s"
            }
            if interface.spooledBytes > 0 { text += "; \(ByteText.text(interface.spooledBytes)) through the spool" }
            try Terminal.print(text)
        }
    }

    private func tapOptions(_ configured: Configuration) throws -> TapOptions {
        let names = interfaces.isEmpty ? configured.interfaces ?? [] : interfaces
        guard !names.isEmpty else {
            throw ValidationError(
                "Missing the interface: say -i NAME. There are: \(InterfaceList.names().joined(separator: ", ")), any.")
        }
        let path = try vault.path()
        var options = TapOptions(interfaces: names, vault: path)
        options.storing = try ingest.options(captures: [], vault: path, configured)
        options.storing.keys = try keys.options(configured, wait: 30)
        // Now, with the privileges that the program was started with.
        options.storing.secret = try vault.secret()
        options.storing.waitsForRoom = true
        options.rings = rings ?? configured.rings ?? options.rings
        options.live.filter = options.storing.filter
        options.live.snapLength = snaplen ?? configured.snaplen ?? options.live.snapLength
        if let text = buffer ?? configured.buffer {
            options.live.bufferBytes = Int(clamping: try IngestOptions.size(text, "--buffer"))
        }
        options.live.timeoutMilliseconds = timeoutMilliseconds
        options.live.isImmediate = immediate
        options.live.isPromiscuous = promiscuous || configured.promiscuous ?? false
        options.queueBytes = try queueBytes(configured)
        if let bytes = try spoolBytes(configured) { options.spoolBytes = bytes }
        return options
    }

    private func queueBytes(_ configured: Configuration) throws -> Int {
        Int(clamping: try IngestOptions.size(queue ?? configured.queue ?? "64MiB", "--queue"))
    }

    private func spoolBytes(_ configured: Configuration) throws -> Int? {
        guard let text = spoolLimit ?? configured.spoolLimit else { return nil }
        guard let bytes = ByteText.parse(text) else {
            throw ValidationError("--spool-limit \(text) is no size; say for example 4GiB, or 0 for none")
        }
        return Int(clamping: bytes)
    }

    private func statisticsInterval(_ configured: Configuration) throws -> Double? {
        guard let text = statistics ?? configured.statistics else { return nil }
        guard let seconds = DurationText.seconds(text) else {
            throw ValidationError("--statistics \(text) is no time; say for example 500ms, 10s or 5m, or 0s for none")
        }
        return seconds > 0 ? seconds : nil
    }

    /// What the configuration file says now. A file that cannot be used changes nothing.
    private func reload(_ monitor: inout TapMonitor) -> TapChange? {
        do {
            let configured = try vault.configuration()
            var change = TapChange()
            change.scope = try ingest.scope(configured)
            if ingest.filter == nil { change.filter = .some(configured.filter) }
            // What the file does not say any more is the default again.
            change.spoolBytes = try spoolBytes(configured) ?? TapOptions(interfaces: [], vault: "").spoolBytes
            change.queueBytes = try queueBytes(configured)
            change.durability = try ingest.durability(configured)
            change.reopensKeyLogs = true
            if keys.logs.isEmpty { change.keyLogs = configured.keyLogs ?? [] }
            monitor.interval = try statisticsInterval(configured)
            Terminal.note("oxbow: configuration read anew")
            return change
        } catch {
            Terminal.note("oxbow: warning: configuration not read anew, all stays as it was: \(error)")
            return nil
        }
    }
}
