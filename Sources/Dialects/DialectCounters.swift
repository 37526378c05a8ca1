public import Objects

/// What the layer did, summed over all exchanges.
public struct DialectCounters: Sendable, Hashable {
    /// Finished exchanges by dialect and operation, as in `s3.PutObject`.
    public var operations: [String: UInt64] = [:]
    /// Finished exchanges whose meaning is known by name but not kept (append, rename, form upload, partial PUT, ...).
    public var unsupported: [String: UInt64] = [:]
    /// Exchanges of clouds that no dialect here speaks, by the cloud they look like.
    public var otherClouds: [Cloud: UInt64] = [:]
    /// Exchanges of a dialect that was not asked for.
    public var notWanted: UInt64 = 0
    /// Exchanges that the scope excludes.
    public var outOfScope: UInt64 = 0
    /// Body bytes of exchanges that the scope excludes: seen and dropped.
    public var outOfScopeBytes: UInt64 = 0
    /// Rows of listings and multi-object deletes that the scope excludes.
    public var outOfScopeRows: UInt64 = 0
    /// Exchanges that name no object although they should: no host, a bucket or host that no cloud allows.
    public var unnamed: UInt64 = 0
    /// Answers whose content coding was applied on the fly: not the object's bytes.
    public var codedRepresentations: UInt64 = 0
    /// Answers that contradict themselves (Content-Range against length): nothing of them is kept.
    public var inconsistentAnswers: UInt64 = 0
    /// Attempts that the cloud refused, or answered without bytes (304, 412, 416).
    public var refused: UInt64 = 0
    /// Attempts whose answer was not seen.
    public var unanswered: UInt64 = 0
    /// Answers with a success status whose body says error.
    public var errorsInSuccess: UInt64 = 0
    /// XML bodies that decide an outcome and could not be read whole.
    public var unreadableBodies: UInt64 = 0
    /// aws-chunked or multipart/byteranges bodies whose framing was lost.
    public var framingLosses: UInt64 = 0
    /// Transfers opened.
    public var transfers: UInt64 = 0
    /// Transfers that no object uses in the end.
    public var discardedTransfers: UInt64 = 0
    /// Bytes handed on as object payload.
    public var payloadBytes: UInt64 = 0
    /// Gaps handed on.
    public var gaps: UInt64 = 0
    /// Times ``DialectLimits/openExchanges`` was reached.
    public var openExchangeLimit: UInt64 = 0
    /// Times ``DialectLimits/bodyBytes`` was reached.
    public var bodyByteLimit: UInt64 = 0
    /// Times ``DialectLimits/bodyBytesTotal`` was reached.
    public var bodyByteTotalLimit: UInt64 = 0
    /// Times ``DialectLimits/xmlElements`` or ``DialectLimits/xmlDepth`` was reached.
    public var xmlElementLimit: UInt64 = 0
    /// Times ``DialectLimits/chunkLineBytes`` was reached.
    public var chunkLineLimit: UInt64 = 0
    /// Times ``DialectLimits/chunkTrailers`` was reached.
    public var chunkTrailerLimit: UInt64 = 0
    /// Times ``DialectLimits/byteRangeParts`` or ``DialectLimits/byteRangeHeadBytes`` was reached.
    public var byteRangeLimit: UInt64 = 0
    /// Hosts forgotten at ``DialectLimits/endpoints``.
    public var endpointsForgotten: UInt64 = 0
    /// Uploads forgotten at ``DialectLimits/uploads``.
    public var uploadsForgotten: UInt64 = 0

    /// All zero.
    public init() {}

    /// Every counter that is not zero, by a stable name: the words of logs and of `--json`.
    public var report: [String: UInt64] {
        var report: [String: UInt64] = [
            "not-wanted": notWanted, "out-of-scope": outOfScope, "out-of-scope-bytes": outOfScopeBytes,
            "out-of-scope-rows": outOfScopeRows, "unnamed": unnamed, "coded-representations": codedRepresentations,
            "inconsistent-answers": inconsistentAnswers, "refused": refused, "unanswered": unanswered,
            "errors-in-success": errorsInSuccess, "unreadable-bodies": unreadableBodies,
            "framing-losses": framingLosses, "transfers": transfers, "discarded-transfers": discardedTransfers,
            "payload-bytes": payloadBytes, "gaps": gaps, "limit.open-exchanges": openExchangeLimit,
            "limit.body-bytes": bodyByteLimit, "limit.body-bytes-total": bodyByteTotalLimit,
            "limit.xml-elements": xmlElementLimit, "limit.chunk-line": chunkLineLimit,
            "limit.chunk-trailers": chunkTrailerLimit, "limit.byte-ranges": byteRangeLimit,
            "limit.endpoints": endpointsForgotten, "limit.uploads": uploadsForgotten,
        ]
        for (operation, count) in operations { report["exchanges.\(operation)"] = count }
        for (operation, count) in unsupported { report["unsupported.\(operation)"] = count }
        for (cloud, count) in otherClouds { report["other-cloud.\(cloud.rawValue)"] = count }
        return report.filter { $0.value != 0 }
    }
}
