/// One body on the wire that carries bytes of an object: an upload, a part, a download, a range. Unique within a run.
public struct TransferID: Hashable, Sendable, BitwiseCopyable {
    /// Counts up from 1 in the order in which transfers open.
    public var number: UInt64

    /// The transfer with this number.
    public init(_ number: UInt64) { self.number = number }
}

/// What is known of a transfer when its first byte arrives.
public struct TransferPlan: Hashable, Sendable {
    /// Offset within the object of the transfer's first byte, so that blocks land on the object's own grid. For a part
    /// of an upload it is the best guess; a wrong guess costs short blocks, never wrong bytes.
    public var objectOffset: UInt64
    /// Payload length the sender announced, in bytes, after removal of every transfer framing.
    public var expectedLength: UInt64?
    /// False when what was said so far rules out that the cloud states an MD5 of just this payload.
    public var mayHaveMD5: Bool

    /// A plan of its parts.
    public init(objectOffset: UInt64 = 0, expectedLength: UInt64? = nil, mayHaveMD5: Bool = true) {
        self.objectOffset = objectOffset
        self.expectedLength = expectedLength
        self.mayHaveMD5 = mayHaveMD5
    }
}

/// How a transfer ended.
public struct TransferEnd: Hashable, Sendable {
    /// Payload length in bytes when known for sure: announced by the sender, or framed to its end.
    public var length: UInt64?
    /// Why payload after the last byte or gap that was reported is missing; nil when the payload was framed to its end.
    public var cause: GapCause?

    /// An end of its parts.
    public init(length: UInt64?, cause: GapCause? = nil) {
        self.length = length
        self.cause = cause
    }
}
