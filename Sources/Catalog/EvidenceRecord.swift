public import Objects

/// What listings and descriptions last said of a name: the denominator of the coverage report.
public struct EvidenceRecord: Sendable, Hashable {
    /// The object.
    public internal(set) var name: ObjectName
    /// Length in bytes.
    public internal(set) var size: UInt64?
    /// The ETag without quotes.
    public internal(set) var etag: String?
    /// The cloud's version id.
    public internal(set) var versionID: String?
    /// Seconds since 1970 UTC.
    public internal(set) var lastModified: Int64?
    /// Time of the answer, nanoseconds since 1970 UTC. Repeated sightings of the same facts move it by the hour only.
    public internal(set) var seenAt: UInt64
    /// True when the cloud said that there is no such object.
    public internal(set) var isAbsent: Bool

    init(name: ObjectName, seenAt: UInt64) {
        self.name = name
        self.seenAt = seenAt
        isAbsent = false
    }

    /// True when both say the same, whenever it was.
    func agrees(with other: EvidenceRecord) -> Bool {
        var same = other
        same.seenAt = seenAt
        return same == self
    }

    var encoded: [UInt8] {
        var encoder = RecordEncoder(capacity: 96)
        encoder.optional(1, size)
        encoder.string(2, etag)
        encoder.string(3, versionID)
        encoder.signed(4, lastModified)
        encoder.number(5, seenAt)
        encoder.flag(6, isAbsent)
        return encoder.bytes
    }

    init(name: ObjectName, decoding bytes: [UInt8]) throws(CatalogError) {
        self.init(name: name, seenAt: 0)
        var decoder = RecordDecoder(bytes, record: "evidence")
        while let field = try decoder.next() {
            switch field.number {
            case 1: size = try decoder.number(field)
            case 2: etag = try decoder.string(field)
            case 3: versionID = try decoder.string(field)
            case 4: lastModified = try decoder.signed(field)
            case 5: seenAt = try decoder.number(field)
            case 6: isAbsent = try decoder.flag(field)
            default: break
            }
        }
    }
}
