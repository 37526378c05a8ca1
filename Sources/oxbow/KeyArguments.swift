import ArgumentParser
import Pipeline

/// Where TLS secrets come from, and how ciphertext waits for them: the same for `replay` and `tap`.
struct KeyArguments: ParsableArguments {
    @Option(
        name: .customLong("keys"),
        help: ArgumentHelp(
            "TLS secrets in the NSS key log format (SSLKEYLOGFILE); read on while the file grows. Repeatable.",
            valueName: "file"))
    var logs: [String] = []

    @Option(
        name: .customLong("key-wait"),
        help: ArgumentHelp(
            "How long a connection waits for its secrets: 500ms, 30s, 5m (default: 30s; a replay waits until the end of the captures).",
            valueName: "time"))
    var wait: String?

    @Option(
        name: .customLong("key-memory"),
        help: ArgumentHelp("Memory for ciphertext that waits for its key (default: 64MiB).", valueName: "size"))
    var memory: String?

    @Option(
        name: .customLong("key-spool-limit"),
        help: ArgumentHelp(
            "Disk for ciphertext that waits, in the vault's folder; 0 for none (default: 1GiB).", valueName: "size"))
    var spoolLimit: String?

    @Option(
        name: .customLong("key-flow-limit"),
        help: ArgumentHelp(
            "Ciphertext of one connection that may wait, in memory and on disk (default: 256MiB).", valueName: "size"))
    var flowLimit: String?

    @Option(
        name: .customLong("export-keys"),
        help: ArgumentHelp(
            "Write the secrets of the TLS connections in scope that were read to this new file (0600).",
            valueName: "file"))
    var exportKeys: String?

    @Option(
        name: .customLong("export-cleartext"),
        help: ArgumentHelp(
            "Write these connections to this new pcapng (0600) with their secrets: Wireshark shows them decrypted.",
            valueName: "file"))
    var exportCleartext: String?

    /// Says what an export means. Not configurable in a file: who wants it says so each time.
    func warn() {
        for (option, path) in [("--export-keys", exportKeys), ("--export-cleartext", exportCleartext)] {
            guard let path else { continue }
            Terminal.note(
                "oxbow: warning: \(option) writes TLS secrets to \(path): whoever reads it can read the connections; remove it when it is not needed any more"
            )
        }
    }

    /// The options, from the flags over the configuration. `wait` is the default of the command.
    func options(_ configured: Configuration, wait defaultWait: Double?) throws -> SessionKeyOptions {
        var options = SessionKeyOptions()
        options.logs = logs.isEmpty ? configured.keyLogs ?? [] : logs
        options.waitSeconds = defaultWait
        options.exportKeys = exportKeys
        options.exportCleartext = exportCleartext
        if let text = wait ?? configured.keyWait {
            guard let seconds = DurationText.seconds(text), seconds > 0 else {
                throw ValidationError("--key-wait \(text) is no time; say for example 500ms, 30s or 5m")
            }
            options.waitSeconds = seconds
        }
        if let text = memory ?? configured.keyMemory {
            options.memoryBytes = Int(clamping: try IngestOptions.size(text, "--key-memory"))
        }
        if let text = flowLimit ?? configured.keyFlowLimit {
            options.flowBytes = Int(clamping: try IngestOptions.size(text, "--key-flow-limit"))
        }
        if let text = spoolLimit ?? configured.keySpoolLimit {
            guard let bytes = ByteText.parse(text) else {
                throw ValidationError("--key-spool-limit \(text) is no size; say for example 4GiB, or 0 for none")
            }
            options.spoolBytes = Int(clamping: bytes)
        }
        return options
    }
}
