internal import Objects

/// What became of one object; a line of the report file.
public struct ObjectReport: Sendable, Codable {
    /// What became of it.
    public enum Outcome: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
        /// Its bytes were sent.
        case sent
        /// The target copied it from an object of equal content.
        case copied
        /// The target has it from an earlier run.
        case present
        /// It was deleted at the target because it was deleted at the source.
        case deleted
        /// The target has it although it was deleted at the source.
        case deletedAtSource = "deleted-at-source"
        /// It is not at the target as it should be; see ``ObjectReport/exception``.
        case exception
    }

    /// Size and checksums on one side.
    public struct Side: Sendable, Codable {
        /// Length in bytes.
        public var size: UInt64?
        /// The side's ETag.
        public var etag: String?
        /// SHA-256 in hexadecimal; with `-N` behind it, of the concatenated SHA-256 of N parts. Of the source: as read
        /// and sent. Of the target: as it said, or as read back; absent when the ETag was the proof.
        public var sha256: String?
    }

    /// Name in the old cloud, ``ObjectName/url``.
    public var name: String
    /// `bucket/key` at the target, escaped.
    public var target: String?
    /// What became of it.
    public var outcome: Outcome
    /// The source's side.
    public var sourceSide: Side
    /// The target's side; nil when it is not there.
    public var targetSide: Side?
    /// By what the target's bytes are known to be ours.
    public var evidence: Evidence?
    /// True when it was found missing or changed at the target, and sent again.
    public var wasRepaired: Bool
    /// Version id at the target.
    public var versionID: String?
    /// Metadata that could not be applied: the name of each, and why.
    public var notApplied: [String]
    /// Why it is not at the target.
    public var exception: ObjectException?

    private enum CodingKeys: String, CodingKey {
        case name, target, outcome, evidence, exception
        case sourceSide = "source"
        case targetSide = "at_target"
        case wasRepaired = "repaired"
        case versionID = "version_id"
        case notApplied = "not_applied"
    }

    init(_ version: SourceVersion, target: TargetLocation?, outcome: Outcome) {
        name = version.name.url
        self.target = target?.path
        self.outcome = outcome
        sourceSide = Side(size: version.size, etag: version.etag, sha256: nil)
        wasRepaired = false
        notApplied = []
    }
}

/// Why an object is not at the target as it should be.
public struct ObjectException: Error, Sendable, Codable {
    /// The kind of reason.
    public enum Cause: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
        /// The vault lacks bytes of it.
        case partial
        /// The vault's bytes do not match a digest that the old cloud stated.
        case mismatch
        /// A block of it cannot be read.
        case unreadable
        /// The target cannot have an object of this name or size.
        case notRepresentable = "not-representable"
        /// Another object of this run has the same key at the target.
        case collision
        /// The target refused it or failed.
        case target
        /// The target has other bytes than were sent.
        case differs
    }

    /// The kind of reason.
    public var cause: Cause
    /// The reason in words.
    public var detail: String

    init(_ cause: Cause, _ detail: String) {
        self.cause = cause
        self.detail = detail
    }
}

extension ObjectException {
    /// Why a version that is not good is not replicated; nil for a good one.
    init?(of version: SourceVersion) {
        switch version.state {
        case .complete, .verified:
            guard version.size == nil else { return nil }
            self.init(.partial, "its length is not known")
        case .mismatch: self.init(.mismatch, "its bytes do not match a digest that the old cloud stated")
        case .partial:
            let shown = version.gaps.prefix(8).map { gap in
                let length = gap.length.map { "\($0) bytes" } ?? "all"
                return "\(length) from \(gap.offset): \(gap.cause.rawValue)"
            }
            let more = version.gaps.count > 8 ? "; \(version.gaps.count - 8) more gaps" : ""
            self.init(.partial, shown.isEmpty ? "bytes are missing" : shown.joined(separator: "; ") + more)
        }
    }
}
