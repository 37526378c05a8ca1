public import Objects

/// Something that happened to a name, for `oxbow why`.
public struct HistoryRecord: Sendable, Hashable {
    /// The operation as the catalog understood it.
    public enum Operation: UInt8, Sendable, Hashable {
        /// An upload in one request.
        case stored = 1
        /// A read.
        case read = 2
        /// A description without bytes.
        case described = 3
        /// The target of a server-side copy.
        case copied = 4
        /// A delete.
        case deleted = 5
        /// A multipart upload began.
        case uploadCreated = 6
        /// A part was accepted.
        case partStored = 7
        /// A part was copied on the server.
        case partCopied = 8
        /// A multipart upload was completed.
        case uploadCompleted = 9
        /// A multipart upload was aborted.
        case uploadAborted = 10
        /// An attempt that changed nothing.
        case attempted = 11
        /// A version became current again by the owner's wish.
        case restored = 12
    }

    /// What happened.
    public internal(set) var operation: Operation
    /// Where and when.
    public internal(set) var seen: Observation
    /// The cloud's ETag, if it stated one.
    public internal(set) var etag: String?
    /// The cloud's version id, if it stated one.
    public internal(set) var versionID: String?
    /// Status of an attempt.
    public internal(set) var status: Int?
    /// For people: the source of a copy, the operation and reason of an attempt, ...
    public internal(set) var detail: String?
    /// Number of the part.
    public internal(set) var partNumber: Int?
    /// First byte of a read.
    public internal(set) var offset: UInt64?
    /// Bytes that the transfer brought.
    public internal(set) var byteCount: UInt64 = 0
    /// Bytes that the transfer lacked, the first 16 ranges, in offsets of the object or part.
    public internal(set) var gaps: [Gap] = []

    init(_ operation: Operation, _ seen: Observation) {
        self.operation = operation
        self.seen = seen
    }

    /// The end of the row's key. What tells two events of one moment apart is in it: the operation, the part or the
    /// place, the connection. The packet's number is not: it differs when the capture is replayed in pieces.
    var keySuffix: [UInt8] {
        var key: [UInt8] = []
        key.append(bigEndian: ~seen.time)
        key.append(operation.rawValue)
        key.append(bigEndian: partNumber.map { UInt64(clamping: $0) } ?? offset ?? 0)
        key.append(contentsOf: seen.flow.utf8)
        return key
    }

    var encoded: [UInt8] {
        var encoder = RecordEncoder(capacity: 192)
        encoder.number(1, UInt64(operation.rawValue))
        encoder.number(2, seen.time)
        encoder.number(3, seen.firstTime)
        encoder.number(4, seen.packet)
        encoder.string(5, seen.flow)
        encoder.string(6, etag)
        encoder.string(7, versionID)
        encoder.integer(8, status)
        encoder.string(9, detail)
        encoder.integer(10, partNumber)
        encoder.optional(11, offset)
        encoder.number(12, byteCount)
        for gap in gaps {
            encoder.message(13) { encoder in
                encoder.number(1, gap.offset)
                encoder.optional(2, gap.length)
                encoder.number(3, gap.cause.code)
            }
        }
        return encoder.bytes
    }

    init(decoding bytes: [UInt8]) throws(CatalogError) {
        self.init(.attempted, Observation(time: 0, firstTime: 0, packet: 0, flow: ""))
        var decoder = RecordDecoder(bytes, record: "history")
        while let field = try decoder.next() {
            switch field.number {
            case 1: operation = try decoder.known(field, Operation.init(rawValue:))
            case 2: seen.time = try decoder.number(field)
            case 3: seen.firstTime = try decoder.number(field)
            case 4: seen.packet = try decoder.number(field)
            case 5: seen.flow = try decoder.string(field)
            case 6: etag = try decoder.string(field)
            case 7: versionID = try decoder.string(field)
            case 8: status = try decoder.integer(field)
            case 9: detail = try decoder.string(field)
            case 10: partNumber = try decoder.integer(field)
            case 11: offset = try decoder.number(field)
            case 12: byteCount = try decoder.number(field)
            case 13:
                var gap = Gap(offset: 0, length: nil, cause: .neverSeen)
                var message = try decoder.message(field)
                while let field = try message.next() {
                    switch field.number {
                    case 1: gap.offset = try message.number(field)
                    case 2: gap.length = try message.number(field)
                    case 3: gap.cause = try GapCause(decoding: field, of: message)
                    default: break
                    }
                }
                gaps.append(gap)
            default: break
            }
        }
    }
}
