/// What the layer did with HTTP/2, summed over all connections.
public struct HTTP2Counters: Sendable, Hashable {
    /// Connections read, by prior knowledge, ALPN or upgrade.
    public var connections: UInt64 = 0
    /// Requests passed over because their header block, or what it refers to, was lost: nothing says what they name.
    public var unnamedExchanges: UInt64 = 0
    /// Final responses whose header block, or what it refers to, was lost.
    public var unnamedResponses: UInt64 = 0
    /// Bytes of bodies that belong to no exchange that could be named.
    public var unnamedBytes: UInt64 = 0
    /// Header blocks that are not HPACK: the half-connection's later blocks cannot be read either.
    public var headerDefects: UInt64 = 0
    /// Streams that the server promised; passed over.
    public var pushedStreams: UInt64 = 0
    /// Streams that ended by RST_STREAM before both messages had ended.
    public var resetStreams: UInt64 = 0
    /// GOAWAY frames.
    public var goAways: UInt64 = 0
    /// Times a half-connection lost its place in the frames.
    public var frameLosses: UInt64 = 0
    /// Times it was found again.
    public var resynchronisations: UInt64 = 0
    /// Bytes passed over while no frame boundary was known.
    public var unframedBytes: UInt64 = 0
    /// Bodies whose DATA frames do not add up to `Content-Length` (RFC 9113 §8.1.1).
    public var lengthMismatches: UInt64 = 0
    /// DATA frames beyond the connection's flow-control window (RFC 9113 §5.2).
    public var windowExcesses: UInt64 = 0
    /// Padding, sizes and orders of frames against RFC 9113.
    public var irregularities: UInt64 = 0
    /// Times ``ExchangeLimits/continuationFrames`` was reached.
    public var continuationLimit: UInt64 = 0
    /// Times ``ExchangeLimits/resetsPerSecond`` was reached.
    public var resetLimit: UInt64 = 0
    /// Times ``ExchangeLimits/headerTableBytes`` or ``ExchangeLimits/headerTableBytesTotal`` was reached.
    public var headerTableLimit: UInt64 = 0
    /// Times ``ExchangeLimits/tailBytes`` or ``ExchangeLimits/tailBytesTotal`` was reached.
    public var tailLimit: UInt64 = 0
    /// Bodies that turned out to be whole though they were under way when frames were lost.
    public var unharmedBodies: UInt64 = 0
    /// Times a header table was proven to be whole though frames were lost.
    public var unharmedTables: UInt64 = 0

    /// All zero.
    public init() {}
}
