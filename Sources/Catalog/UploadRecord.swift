public import Objects

/// A multipart upload. Closed ones stay as a short row, so that a replay of their parts changes nothing.
public struct UploadRecord: Sendable, Hashable {
    /// Where the upload stands.
    public enum Phase: UInt8, Sendable, Hashable {
        /// Parts may come.
        case open = 1
        /// Completed: the object exists.
        case completed = 2
        /// Aborted: the parts are gone.
        case aborted = 3
    }

    /// The object.
    public internal(set) var name: ObjectName
    /// The cloud's id of the upload.
    public internal(set) var uploadID: String
    /// Where it stands.
    public internal(set) var phase = Phase.open
    /// Capture time of the first packet that belonged to it, nanoseconds since 1970 UTC.
    public internal(set) var firstSeen: UInt64
    /// Capture time of the last packet that belonged to it.
    public internal(set) var lastSeen: UInt64
    /// What the creating request said of the object.
    public internal(set) var metadata = ObjectMetadata()
    /// The version that the completion made.
    public internal(set) var version: VersionID?

    init(name: ObjectName, uploadID: String, seen: Observation) {
        self.name = name
        self.uploadID = uploadID
        firstSeen = seen.firstTime
        lastSeen = seen.time
    }

    var encoded: [UInt8] {
        var encoder = RecordEncoder(capacity: 128)
        encoder.number(1, UInt64(phase.rawValue))
        encoder.number(2, firstSeen)
        encoder.number(3, lastSeen)
        metadata.encode(as: 4, into: &encoder)
        if let version { encoder.bytes(5, CatalogKey.versionSuffix(time: version.time, tag: version.tag)) }
        return encoder.bytes
    }

    init(key: [UInt8], decoding bytes: [UInt8]) throws(CatalogError) {
        let nowhere = Observation(time: 0, firstTime: 0, packet: 0, flow: "")
        let (name, uploadID) = try CatalogKey.upload(decoding: key)
        self.init(name: name, uploadID: uploadID, seen: nowhere)
        var decoder = RecordDecoder(bytes, record: "upload")
        while let field = try decoder.next() {
            switch field.number {
            case 1: phase = try decoder.known(field, Phase.init(rawValue:))
            case 2: firstSeen = try decoder.number(field)
            case 3: lastSeen = try decoder.number(field)
            case 4: metadata = try ObjectMetadata(decoding: try decoder.message(field))
            case 5:
                guard let (time, tag) = CatalogKey.versionSuffix(decoding: try decoder.bytes(field)[...]) else {
                    throw decoder.malformed("no time and tag")
                }
                version = VersionID(name: name, time: time, tag: tag)
            default: break
            }
        }
    }
}

/// One accepted upload of a part. The same number may have been uploaded more than once.
public struct PartRecord: Sendable, Hashable {
    /// Number of the part, from 1.
    public internal(set) var number: Int
    /// Time of the cloud's answer, nanoseconds since 1970 UTC.
    public internal(set) var time: UInt64
    /// The part's ETag without quotes.
    public internal(set) var etag: String?
    /// Length in bytes; nil when its framing was lost.
    public internal(set) var size: UInt64?
    /// Digests stated for the part.
    public internal(set) var digests: [StatedDigest] = []
    /// What is held, offsets counted from the part's first byte.
    public internal(set) var holdings = Holdings()
    /// Capture time of the first packet that belonged to it.
    public internal(set) var firstSeen: UInt64
    /// The row's key.
    var key: [UInt8]

    init(upload: [UInt8], number: Int, etag: String?, size: UInt64?, seen: Observation) {
        self.number = number
        self.etag = etag
        self.size = size
        time = seen.time
        firstSeen = seen.firstTime
        key = CatalogKey.part(upload: upload, number: number, time: seen.time, etag: etag)
    }

    var encoded: [UInt8] {
        var encoder = RecordEncoder(capacity: 256)
        encoder.integer(1, number)
        encoder.number(2, time)
        encoder.string(3, etag)
        encoder.optional(4, size)
        for digest in digests { CheckedDigest(digest).encode(as: 5, into: &encoder) }
        holdings.encode(as: 6, into: &encoder)
        encoder.number(7, firstSeen)
        return encoder.bytes
    }

    init(key: [UInt8], decoding bytes: [UInt8]) throws(CatalogError) {
        self.init(
            upload: [], number: 0, etag: nil, size: nil, seen: Observation(time: 0, firstTime: 0, packet: 0, flow: ""))
        self.key = key
        var decoder = RecordDecoder(bytes, record: "part")
        while let field = try decoder.next() {
            switch field.number {
            case 1: number = try decoder.integer(field)
            case 2: time = try decoder.number(field)
            case 3: etag = try decoder.string(field)
            case 4: size = try decoder.number(field)
            case 5: digests.append(try CheckedDigest(decoding: try decoder.message(field)).digest)
            case 6: holdings = try Holdings(decoding: try decoder.message(field))
            case 7: firstSeen = try decoder.number(field)
            default: break
            }
        }
    }
}
