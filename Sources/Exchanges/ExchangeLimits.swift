/// What the layer may hold, whatever the traffic. Every limit has a policy for what happens at it and a counter in
/// ``ExchangeCounters``.
public struct ExchangeLimits: Sendable, Hashable {
    /// Bytes of one head, start line to empty line. Beyond it the message is unreadable and the half-connection
    /// resynchronises; counted as `headerByteLimit`. In HTTP/2, bytes of one header block, and of the list that it
    /// decodes to: beyond it the message is unreadable, and so is what refers to the block.
    public var headerBytes = 65_536
    /// Field lines of one head or trailer section. Policy as for `headerBytes`; counted as `headerFieldLimit`.
    public var headerFields = 256
    /// Bytes of one chunk-size line with its extensions. Beyond it the framing is lost; counted as `chunkLineLimit`.
    public var chunkLineBytes = 4_096
    /// Bytes of one trailer section. Beyond it the body ends framed without trailers and the half-connection
    /// resynchronises; counted as `trailerLimit`.
    public var trailerBytes = 16_384
    /// Requests of one flow that wait for their response. At one more the flow becomes opaque; counted as
    /// `openExchangeLimit`. In an HTTP/2 connection that lost frames the oldest request is given up instead, since its
    /// stream may have ended unseen.
    public var openExchanges = 1_024
    /// Requests of all flows together that wait for their response. Policy and counter as for `openExchanges`.
    public var openExchangesTotal = 1_048_576
    /// Bytes of all incomplete heads, chunk-size lines, trailers and requests on probation together. At the limit the
    /// one that wants to grow is given up as unreadable; counted as `partialByteLimit`.
    public var partialBytesTotal = 67_108_864
    /// CONTINUATION frames of one header block of HTTP/2. Beyond it the block is passed over, and with it what later
    /// blocks refer to; counted as `http2.continuationLimit`.
    public var continuationFrames = 64
    /// RST_STREAM frames of one HTTP/2 connection within a second. At one more the flow becomes opaque; counted as
    /// `http2.resetLimit`.
    public var resetsPerSecond = 1_000
    /// Bytes of the table of header fields (RFC 7541 §2.3.2) of one half-connection. Whoever uses more cannot be decoded
    /// any longer; counted as `http2.headerTableLimit`.
    public var headerTableBytes = 65_536
    /// Bytes of all such tables together. At the limit none grows, as above, and the flows that follow are opaque;
    /// counted as `http2.headerTableLimit`.
    public var headerTableBytesTotal = 268_435_456
    /// Bytes of a body of HTTP/2 that wait behind a loss for the proof of their place. A body of which more is to come is
    /// cut at the loss instead; counted as `http2.tailLimit`.
    public var tailBytes = 8_388_608
    /// The same of all bodies together, and of what came since frames were lost. Policy and counter as above.
    public var tailBytesTotal = 67_108_864
    /// Flows followed at a time: slots of a higher index are passed over; counted as `flowLimit`.
    public var flows = 1_048_576

    /// The defaults.
    public init() {}
}
