internal import Objects

/// What a run would do, from the vault and the journal alone: no cloud is asked.
public struct MigrationPlan: Sendable, Codable {
    /// A bucket of the source.
    public struct Bucket: Sendable, Codable {
        /// `cloud://endpoint/bucket`.
        public var url: String
        /// Its live objects.
        public var live = MigrationReport.Count()
    }

    /// Source buckets with live objects or tombstones, in order.
    public var buckets: [Bucket] = []
    /// Live objects that are good.
    public var objects = MigrationReport.Count()
    /// Objects that the journal says are at the target already.
    public var present = MigrationReport.Count()
    /// Objects whose bytes would be sent: one for each unique content.
    public var toSend = MigrationReport.Count()
    /// Objects that the target would copy.
    public var toCopy = MigrationReport.Count()
    /// Requests that this takes without any retry.
    public var requests: UInt64 = 0
    /// Objects that cannot be replicated, by cause.
    public var exceptions: [ObjectException.Cause: MigrationReport.Count] = [:]
    /// The first of them.
    public var listedExceptions: [ObjectReport] = []
    /// Names whose newest event is a deletion.
    public var tombstones: UInt64 = 0

    private enum CodingKeys: String, CodingKey {
        case buckets, objects, present, requests, exceptions, tombstones
        case toSend = "to_send"
        case toCopy = "to_copy"
        case listedExceptions = "listed_exceptions"
    }

    mutating func except(
        _ version: SourceVersion, _ exception: ObjectException, at location: TargetLocation?, _ max: Int
    ) {
        exceptions[exception.cause, default: MigrationReport.Count()].add(version.size)
        guard listedExceptions.count < max else { return }
        var report = ObjectReport(version, target: location, outcome: .exception)
        report.exception = exception
        listedExceptions.append(report)
    }
}

extension MigrationPlan: CustomStringConvertible {
    /// The plan for people.
    public var description: String {
        var lines = ["\(objects.objects) objects, \(objects.bytes) bytes in \(buckets.count) buckets"]
        for bucket in buckets {
            lines.append("  \(bucket.url): \(bucket.live.objects) objects, \(bucket.live.bytes) bytes")
        }
        lines.append("would send \(toSend.objects) objects, \(toSend.bytes) bytes")
        lines.append("would copy at the target \(toCopy.objects) objects, \(toCopy.bytes) bytes")
        lines.append("already there \(present.objects) objects, \(present.bytes) bytes")
        lines.append("about \(requests) requests")
        for cause in ObjectException.Cause.allCases {
            if let count = exceptions[cause] {
                lines.append("cannot be replicated, \(cause.rawValue): \(count.objects) objects, \(count.bytes) bytes")
            }
        }
        for object in listedExceptions.prefix(10) {
            lines.append("  \(object.name): \(object.exception?.detail ?? "")")
        }
        return lines.joined(separator: "\n")
    }
}
