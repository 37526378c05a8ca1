public import S3

/// The sum of a run. The report file beside the journal has a line for every object and this as its last line.
public struct MigrationReport: Sendable, Codable {
    /// How the run ended.
    public enum End: Sendable, Codable, Equatable {
        /// Every object of the source was come to.
        case finished
        /// It was cancelled; the next run goes on.
        case interrupted
        /// It stopped because nothing further could succeed; the next run goes on.
        case stopped(reason: String)
    }

    /// Objects and bytes.
    public struct Count: Sendable, Codable, Equatable {
        /// Number of objects.
        public var objects: UInt64 = 0
        /// Sum of their sizes.
        public var bytes: UInt64 = 0

        /// Nothing.
        public init() {}

        mutating func add(_ size: UInt64?) {
            objects += 1
            bytes += size ?? 0
        }

        mutating func add(_ other: Count) {
            objects += other.objects
            bytes += other.bytes
        }
    }

    /// The target, without credentials.
    public var target: String
    /// How the run ended.
    public var end: End = .interrupted
    /// Live objects of the source, as counted before the first transfer.
    public var planned = Count()
    /// Objects by what became of them.
    public var outcomes: [ObjectReport.Outcome: Count] = [:]
    /// Exceptions by cause.
    public var exceptions: [ObjectException.Cause: UInt64] = [:]
    /// The first exceptions; the report file has all.
    public var listedExceptions: [ObjectReport] = []
    /// Objects found missing or changed at the target, and sent again.
    public var repaired: UInt64 = 0
    /// Objects with metadata that could not be applied.
    public var withMetadataNotApplied: UInt64 = 0
    /// Objects that an earlier run replicated and of which the source knows nothing any more.
    public var unknownAtSource: UInt64 = 0
    /// Names of the first of these.
    public var listedUnknownAtSource: [String] = []
    /// Uploads in parts that were left over and aborted.
    public var abortedUploads: UInt64 = 0
    /// Lines of the journal that were damaged; what they said was done again.
    public var damagedJournalLines: Int = 0
    /// What was asked of the target.
    public var requests = RequestStatistics()
    /// Wall time in seconds.
    public var seconds: Double = 0
    /// The report file.
    public var file: String

    private enum CodingKeys: String, CodingKey {
        case target, end, planned, outcomes, exceptions, repaired, requests, seconds, file
        case listedExceptions = "listed_exceptions"
        case withMetadataNotApplied = "with_metadata_not_applied"
        case unknownAtSource = "unknown_at_source"
        case listedUnknownAtSource = "listed_unknown_at_source"
        case abortedUploads = "aborted_uploads"
        case damagedJournalLines = "damaged_journal_lines"
    }

    init(target: String, file: String) {
        self.target = target
        self.file = file
    }

    /// True when every live object of the source is at the target, and that is known by evidence.
    public var isComplete: Bool { end == .finished && exceptions.isEmpty }

    /// Objects with an outcome.
    public func count(_ outcome: ObjectReport.Outcome) -> Count { outcomes[outcome] ?? Count() }

    mutating func add(_ object: ObjectReport, listedMax: Int) {
        outcomes[object.outcome, default: Count()].add(object.sourceSide.size)
        if object.wasRepaired { repaired += 1 }
        if !object.notApplied.isEmpty { withMetadataNotApplied += 1 }
        guard let exception = object.exception else { return }
        exceptions[exception.cause, default: 0] += 1
        if listedExceptions.count < listedMax { listedExceptions.append(object) }
    }
}

extension MigrationReport.End {
    /// Reads `finished`, `interrupted` or `stopped: REASON`.
    public init(from decoder: any Decoder) throws {
        switch try decoder.singleValueContainer().decode(String.self) {
        case "finished": self = .finished
        case "interrupted": self = .interrupted
        case let text: self = .stopped(reason: String(text.trimmingPrefix("stopped: ")))
        }
    }

    /// Writes what ``init(from:)`` reads.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .finished: try container.encode("finished")
        case .interrupted: try container.encode("interrupted")
        case .stopped(let reason): try container.encode("stopped: \(reason)")
        }
    }
}

extension MigrationReport: CustomStringConvertible {
    /// The report for people: the verdict, the sums, the exceptions by cause with the first of them, what to do.
    public var description: String {
        var lines = [verdict, "target: \(target)"]
        for outcome in ObjectReport.Outcome.allCases {
            if let count = outcomes[outcome] {
                lines.append("  \(outcome.rawValue): \(count.objects) objects, \(count.bytes) bytes")
            }
        }
        let seconds = (self.seconds * 10).rounded() / 10
        lines.append(
            "  \(requests.bytesSent) bytes sent, \(requests.total) requests (\(requests.retries) retries), \(seconds) s"
        )
        if requests.bytesRead > 0 { lines.append("  \(requests.bytesRead) bytes read back") }
        if repaired > 0 { lines.append("  \(repaired) objects were missing or changed at the target and sent again") }
        if withMetadataNotApplied > 0 {
            lines.append("  \(withMetadataNotApplied) objects have metadata that the target could not take")
        }
        if count(.deletedAtSource).objects > 0 {
            lines.append("  objects deleted at the source are still at the target; --delete-tombstoned removes them")
        }
        if unknownAtSource > 0 {
            lines.append("  \(unknownAtSource) objects at the target are no longer known at the source")
        }
        if abortedUploads > 0 { lines.append("  \(abortedUploads) left-over uploads aborted") }
        for cause in ObjectException.Cause.allCases {
            guard let number = exceptions[cause] else { continue }
            lines.append("exceptions, \(cause.rawValue): \(number)")
            for object in listedExceptions.filter({ $0.exception?.cause == cause }).prefix(10) {
                lines.append("  \(object.name): \(object.exception?.detail ?? "")")
            }
        }
        lines.append("every object: \(file)")
        return lines.joined(separator: "\n")
    }

    private var verdict: String {
        let open = exceptions.values.reduce(0, +)
        switch end {
        case .finished where open == 0: return "complete: every object of the vault is at the target"
        case .finished: return "not complete: \(open) exceptions are open"
        case .interrupted: return "interrupted: start again to go on"
        case .stopped(let reason): return "stopped: \(reason)"
        }
    }
}
