import ArgumentParser
import Foundation
import Logging
import Pipeline
import Replication
import S3
import Vaults

/// `oxbow migrate`.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Replicates every live object of a vault to a new cloud.",
        discussion: """
            TARGET is s3://BUCKET[/PREFIX]?endpoint=http://HOST:PORT&region=REGION&path-style=true, or file:DIR. BUCKET and \
            PREFIX may hold {bucket}, which stands for the source's bucket.

            With --at the target gets what the cloud served at that moment. Nothing is read from the old cloud. A run that was interrupted goes on where it stopped when it is started \
            again; a second complete run sends nothing. Exit code 1 while an object is not at the target as it should be.

            Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, from the shared files \
            (AWS_PROFILE), or from variables that you name; never from the command line.
            """)

    @OptionGroup var vault: VaultOptions

    @Option(name: .customLong("to"), help: ArgumentHelp("The new cloud.", valueName: "target"))
    var target: String

    @Option(
        name: .customLong("map"),
        help: ArgumentHelp(
            "Target bucket (and prefix) of a source bucket: SOURCE=BUCKET[/PREFIX]. Repeatable.", valueName: "rule"))
    var rules: [String] = []

    @Flag(name: .customLong("dry-run"), help: "Say what would be done, and do nothing.")
    var dryRun = false

    @Option(help: ArgumentHelp("Transfers at once: 8 to a cloud, 16 to a folder.", valueName: "count"))
    var parallel: Int?

    @Option(help: ArgumentHelp("Memory for payloads.", valueName: "size"))
    var memory: String?

    @Option(help: ArgumentHelp("Bytes per second for all transfers together.", valueName: "size"))
    var bandwidth: String?

    @Option(
        help: ArgumentHelp(
            "How the target is checked: answer (what it says to each upload), head (also ask for each object), read-back (also read each object).",
            valueName: "how"))
    var verify: String?

    @Flag(name: .customLong("create-buckets"), help: "Make target buckets that do not exist.")
    var createBuckets = false

    @Flag(
        name: .customLong("delete-tombstoned"),
        help: "Delete objects at the target that were replicated and have been deleted since.")
    var deleteTombstoned = false

    @Flag(help: "Apply canned ACLs.")
    var acl = false

    @Option(
        name: .customLong("access-key-variable"),
        help: ArgumentHelp("Environment variable that holds the access key id.", valueName: "name"))
    var accessKeyVariable: String?

    @Option(
        name: .customLong("secret-key-variable"),
        help: ArgumentHelp("Environment variable that holds the secret key.", valueName: "name"))
    var secretKeyVariable: String?

    @Option(
        name: .customLong("session-token-variable"),
        help: ArgumentHelp("Environment variable that holds the session token.", valueName: "name"))
    var sessionTokenVariable: String?

    @Option(help: ArgumentHelp("Profile of the shared credentials and config files.", valueName: "name"))
    var profile: String?

    @OptionGroup var moment: MomentOptions

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() async throws {
        var options = MigrationOptions()
        if let memory { options.memoryBytesMax = Int(clamping: try size(memory, "--memory")) }
        if let bandwidth { options.bandwidthBytesPerSecond = try size(bandwidth, "--bandwidth") }
        if let verify {
            guard let how = MigrationOptions.Verification(rawValue: verify) else {
                throw ValidationError("--verify is answer, head or read-back")
            }
            options.verification = how
        }
        options.createsBuckets = createBuckets
        options.deletesTombstoned = deleteTombstoned
        let time = try moment.time()
        let reader = try vault.openForReading()
        let url = try TargetURL(target)
        let mapping = try BucketMapping(template: url, rules: rules)
        let destination = try makeTarget(url)
        options.parallel = parallel ?? destination.rules.transfers
        let showsProgress = !json && Terminal.showsProgress
        let run = MigrationRun(
            source: VaultSource(reader, asOf: time), target: destination, mapping: mapping, options: options,
            folder: reader.layout.migrations, logger: Logger(label: "oxbow.migrate"),
            onProgress: { progress in
                guard showsProgress else { return }
                var line = ProgressLine()
                line.draw(
                    done: progress.bytesDone, total: progress.bytesTotal,
                    text:
                        "\(progress.objectsDone) of \(progress.objectsTotal) objects, \(ByteText.text(UInt64(progress.bytesPerSecond)))/s"
                )
            })
        do {
            let forgotten = try ForgottenObjects.report(in: reader, at: time, json: false)
            let isComplete = try await (dryRun ? plan(run) : migrate(run)) && forgotten == 0
            await destination.close()
            if !isComplete { throw ExitCode(ExitStatus.findings) }
        } catch {
            await destination.close()
            throw error
        }
    }

    private func plan(_ run: MigrationRun) async throws -> Bool {
        let plan = try await run.plan()
        if json { try JSONLine.print(plan) } else { try Terminal.print(plan.description) }
        return plan.exceptions.isEmpty
    }

    private func migrate(_ run: MigrationRun) async throws -> Bool {
        Interruption.install()
        let report: MigrationReport
        do {
            report = try await interruptible(run)
        } catch is CancellationError where Interruption.wasRequested {
            throw CommandFailure(
                description: "interrupted before the target had answered; the next run goes on from here",
                status: ExitStatus.interrupted)
        }
        if Terminal.showsProgress, !json { Terminal.note("\r\u{1B}[K") }
        if json { try JSONLine.print(report) } else { try Terminal.print(report.description) }
        if Interruption.wasRequested { throw ExitCode(ExitStatus.interrupted) }
        return report.isComplete
    }

    /// The run, cancelled in an orderly way by the first signal.
    private func interruptible(_ run: MigrationRun) async throws -> MigrationReport {
        try await withThrowingTaskGroup(of: MigrationReport?.self) { group in
            group.addTask { try await run.run() }
            group.addTask {
                // Signals only raise a flag; this turns it into a cancellation.
                while !Interruption.flag.isRaised { try await Task.sleep(for: .milliseconds(100)) }
                return nil
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            if let first { return first }
            // Interrupted: the run ends in an orderly way and still reports.
            while let next = try await group.next() { if let next { return next } }
            throw CommandFailure(description: "interrupted", status: ExitStatus.interrupted)
        }
    }

    private func makeTarget(_ url: TargetURL) throws -> any ReplicationTarget {
        switch url.kind {
        case .file(let path): return try FileTarget(path: path)
        case .s3(let named, let region, let usesPathStyle):
            var chain = CredentialChain()
            chain.accessKeyVariable = accessKeyVariable
            chain.secretKeyVariable = secretKeyVariable
            chain.sessionTokenVariable = sessionTokenVariable
            chain.profile = profile
            let found = try chain.find()
            guard let credentials = found.credentials else {
                throw CommandFailure(
                    description:
                        "no credentials for \(target): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name variables with --access-key-variable and --secret-key-variable"
                )
            }
            let region = region ?? found.region ?? "us-east-1"
            let endpoint: S3Endpoint
            if let place = named ?? found.endpoint.flatMap({ TargetURL.Endpoint($0) }) {
                endpoint = S3Endpoint(
                    isSecure: place.isSecure, host: place.host, port: place.port, region: region,
                    addressing: usesPathStyle ?? true ? .path : .virtualHosted)
            } else {
                endpoint = .amazon(region: region, addressing: usesPathStyle ?? false ? .path : .virtualHosted)
            }
            var settings = S3Settings()
            settings.appliesACL = acl
            settings.connectionsMax = max(settings.connectionsMax, parallel ?? 0)
            return S3Target(url: url, endpoint: endpoint, credentials: credentials, settings: settings)
        }
    }

    private func size(_ text: String, _ option: String) throws -> UInt64 {
        guard let size = ByteText.parse(text), size > 0 else {
            throw ValidationError("\(option) \(text) is no size; say for example 64MiB")
        }
        return size
    }
}
