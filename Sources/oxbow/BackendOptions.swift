import ArgumentParser
import Vaults

/// `--backend` and what goes with it.
struct BackendOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where sealed segments go besides: s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME] or file:DIR. A vault that is there gets one more writer. Keys come from the environment or a profile, as with `oxbow migrate`.",
            valueName: "url"))
    var backend: String?

    @Option(
        help: ArgumentHelp(
            "With --backend: when a thing counts as stored: local, durable in the folder, or remote, durable in the backend. Default: local.",
            valueName: "where"))
    var acknowledge: String?

    @Option(
        name: .customLong("segment-size"),
        help: ArgumentHelp("With --backend: size of its objects, 8MiB to 64MiB. Default: 32MiB.", valueName: "size"))
    var segmentSize: String?

    @Option(
        name: .customLong("seal-after"),
        help: ArgumentHelp(
            "With --backend: age at which a segment goes there that is not full. Default: 60s.", valueName: "time"))
    var sealAfter: String?

    @Option(
        name: .customLong("backend-spool"),
        help: ArgumentHelp(
            "With --backend: most bytes that wait in the folder until they are there. Default: 4GiB.",
            valueName: "size"))
    var spool: String?

    @Option(
        name: .customLong("backend-cache"),
        help: ArgumentHelp(
            "With --backend: bytes of segments that stay in the folder, for reading. Default: 4GiB.", valueName: "size")
    )
    var cache: String?

    /// What was asked for; nil without `--backend`.
    func settings() throws -> VaultBackend? {
        guard let backend else {
            guard acknowledge == nil, segmentSize == nil, sealAfter == nil, spool == nil, cache == nil else {
                throw ValidationError(
                    "--acknowledge, --segment-size, --seal-after, --backend-spool and --backend-cache go with --backend."
                )
            }
            return nil
        }
        var settings = VaultBackend(url: backend)
        if let acknowledge {
            guard let known = VaultBackend.Acknowledgement(rawValue: acknowledge) else {
                throw ValidationError("--acknowledge is local or remote, not '\(acknowledge)'.")
            }
            settings.acknowledgement = known
        }
        if let segmentSize { settings.segmentBytes = try IngestOptions.size(segmentSize, "--segment-size") }
        if let spool { settings.spoolBytes = try IngestOptions.size(spool, "--backend-spool") }
        if let cache { settings.cacheBytes = try IngestOptions.size(cache, "--backend-cache") }
        if let sealAfter {
            guard let seconds = DurationText.seconds(sealAfter), seconds >= 1, seconds < 1e6 else {
                throw ValidationError(
                    "--seal-after must be a time like 90s or 5m, at least a second, not '\(sealAfter)'.")
            }
            settings.sealSeconds = UInt64(seconds)
        }
        return settings
    }
}
