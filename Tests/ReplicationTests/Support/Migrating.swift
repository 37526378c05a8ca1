import Foundation
import Logging
import Objects
@testable import S3
import TestSupport

@testable import Replication

/// Short pauses, so that a test of retries takes milliseconds.
let quickRetry = RetryPolicy(
    attemptsMax: 4, firstPauseSeconds: 0.001, pauseSecondsMax: 0.01, retryAfterSecondsMax: 0.01)

let testCredentials = S3Credentials(accessKeyID: "AKIDTESTCANARY", secretAccessKey: "SECRETTESTCANARY")

/// A logger that prints nothing.
let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

extension S3Target {
    /// A target on loopback.
    static func local(
        port: Int, template: String = "tgt/", credentials: S3Credentials = testCredentials,
        retry: RetryPolicy = quickRetry, idleSeconds: Double = 120, change: (inout S3Settings) -> Void = { _ in }
    ) -> S3Target {
        var settings = S3Settings()
        settings.retry = retry
        settings.idleSeconds = idleSeconds
        change(&settings)
        return S3Target(
            template: template,
            endpoint: S3Endpoint(
                isSecure: false, host: "127.0.0.1", port: port, region: "us-east-1", addressing: .path),
            credentials: credentials, settings: settings, now: { Int64(Date().timeIntervalSince1970) })
    }
}

/// Runs a migration into bucket `tgt`, and closes the target.
func migrate(
    _ source: some ReplicationSource, to target: some ReplicationTarget, _ folder: TemporaryFolder,
    url: String = "s3://tgt", rules: [String] = [], change: (inout MigrationOptions) -> Void = { _ in }
) async throws -> MigrationReport {
    var options = MigrationOptions()
    options.parallel = 4
    change(&options)
    let run = MigrationRun(
        source: source, target: target,
        mapping: try BucketMapping(template: try TargetURL(url), rules: rules), options: options,
        folder: folder.path + "/migrations", logger: silent)
    do {
        let report = try await run.run()
        await target.close()
        return report
    } catch {
        await target.close()
        throw error
    }
}

/// The lines of a report file but the last.
func reportLines(_ report: MigrationReport) throws -> [ObjectReport] {
    let data = try Data(contentsOf: URL(fileURLWithPath: report.file))
    return try data.split(separator: UInt8(ascii: "\n")).dropLast().map {
        try JSONDecoder().decode(ObjectReport.self, from: $0)
    }
}
