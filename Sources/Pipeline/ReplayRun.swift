public import Capture
internal import Dialects
public import Vaults

/// Why a replay could not be done.
public enum ReplayError: Error, CustomStringConvertible, Sendable {
    /// A capture could not be opened, or the filter not be used.
    case capture(CaptureError)
    /// The vault failed. What was acknowledged before is safe.
    case vault(VaultError)
    /// Digests or buffers could not be set up.
    case setup(String)

    /// What happened, where, and what to do.
    public var description: String {
        switch self {
        case .capture(let error): error.description
        case .vault(let error): error.description
        case .setup(let reason): reason
        }
    }
}

/// Replays captures into a vault: front end on the calling thread, hashers, writer and verifier on threads of their own.
public struct ReplayRun {
    private let options: ReplayOptions
    private let stop: StopFlag

    /// A run that ends early, but orderly, once `stop` is raised.
    public init(_ options: ReplayOptions, stop: StopFlag = StopFlag()) {
        self.options = options
        self.stop = stop
    }

    /// Runs to the end of the captures, or until the stop flag is raised, and returns when everything is committed.
    /// `progress` is called now and then on the calling thread.
    public func run(progress: (ReplayProgress) -> Void = { _ in }) throws(ReplayError) -> ReplayReport {
        var stream: CaptureStream
        do throws(CaptureError) {
            // Captures first: a misspelt name must not leave an empty vault behind.
            stream = try CaptureStream(paths: options.captures, filter: options.filter)
        } catch {
            throw .capture(error)
        }
        var keyLogs = try KeyLogFiles(options.keys.logs)
        let export = try CleartextExportFiles(options.keys, scope: options.dialects.scope)
        let store = try IngestStore(options, stop: stop)
        _ = SpoolFile.removeStale(in: store.spoolFolder)
        let keys = FrontEnd.KeyParts(
            options.keys, spoolFolder: store.spoolFolder, isExpected: !keyLogs.isEmpty || stream.mayHoldSecrets,
            export: export, share: options.workers)
        let began = ContinuousClock.now
        let parts = store.frontParts(options, keys)
        let seen: FrontReport
        if options.workers > 1 {
            var front = FlowDispatcher(parts)
            seen = read(&stream, into: &front, &keyLogs, progress)
        } else {
            var front = FrontEnd(parts)
            seen = read(&stream, into: &front, &keyLogs, progress)
        }
        let writer = try store.finish()
        return ReplayReport(
            stream: stream, front: seen, writer: writer, seconds: began.duration(to: .now), wasStopped: stop.isRaised,
            unreadableKeyLogLines: keyLogs.unreadableLines, keySpool: keys.spool?.status,
            exportProblems: export?.takeProblems() ?? [])
    }

    /// Sends the captures and the secrets to a front end, to the end or until the stop flag is raised.
    private func read<Front: FrontStage & ~Copyable>(
        _ stream: inout CaptureStream, into front: inout Front, _ keyLogs: inout KeyLogFiles,
        _ progress: (ReplayProgress) -> Void
    ) -> FrontReport {
        front.take(keyLogs.read())
        // Secrets at the head of a capture are there once its first packet was read.
        var step = 1
        while !stop.isRaised, stream.run(into: &front, atMost: step) {
            step = 4096
            front.take(KeyLogFiles.secrets(in: stream.takeSecrets()))
            if front.awaitsSecrets { front.take(keyLogs.read()) }
            progress(
                ReplayProgress(bytesRead: stream.bytesRead, bytesTotal: stream.bytesTotal, packets: front.lastPacket))
        }
        front.take(KeyLogFiles.secrets(in: stream.takeSecrets()))
        front.take(keyLogs.read(isLast: true))
        return front.finish()
    }
}
