public import Blocks

/// A record as replay delivers it.
public enum SegmentRecord: Hashable, Sendable {
    /// A block is stored at a place.
    case block(Fingerprint, BlockLocation)
    /// In a catalog table, a key got a value.
    case catalogPut(table: UInt8, key: [UInt8], value: [UInt8])
    /// In a catalog table, a key went.
    case catalogDelete(table: UInt8, key: [UInt8])
    /// A record of a type that a later release wrote; this one skips it.
    case other(type: UInt8)
    /// A catalog record whose bytes in a sealed segment no longer match their checksum. What it said is lost, unless a
    /// later record of the same key follows; the records around it are whole.
    case damaged(payloadOffset: UInt64, reason: String)
}

/// How a segment ends.
public enum SegmentEnd: Hashable, Sendable {
    /// With a footer: it is finished and whole.
    case sealed
    /// After a whole frame, without footer: it is being written, or was when its writer stopped.
    case open
    /// With bytes that are no whole frame and were never reported durable: an append that a stop cut short. They count
    /// as never written, and the next writer cuts them off at `at`.
    case torn(at: UInt64, reason: String)
    /// With a frame that was durable once and is not whole now: the medium lost it. Whole frames go on at `resumesAt`,
    /// if any do. Nothing is cut; what the lost frames held is to be named as lost.
    case damaged(at: UInt64, resumesAt: UInt64?, reason: String)
}
