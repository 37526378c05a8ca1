/// What the layer may hold, whatever the traffic. Every limit has a policy for what happens at it and a counter in
/// ``ExchangeCounters``.
public struct ExchangeLimits: Sendable, Hashable {
    /// Bytes of one head, start line to empty line. Beyond it the message is unreadable and the half-connection
    /// resynchronises; counted as `headerByteLimit`.
    public var headerBytes = 65_536
    /// Field lines of one head or trailer section. Policy as for `headerBytes`; counted as `headerFieldLimit`.
    public var headerFields = 256
    /// Bytes of one chunk-size line with its extensions. Beyond it the framing is lost; counted as `chunkLineLimit`.
    public var chunkLineBytes = 4_096
    /// Bytes of one trailer section. Beyond it the body ends framed without trailers and the half-connection
    /// resynchronises; counted as `trailerLimit`.
    public var trailerBytes = 16_384
    /// Requests of one flow that wait for their response. At one more the flow becomes opaque; counted as
    /// `openExchangeLimit`.
    public var openExchanges = 1_024
    /// Requests of all flows together that wait for their response. Policy and counter as for `openExchanges`.
    public var openExchangesTotal = 1_048_576
    /// Bytes of all incomplete heads, chunk-size lines, trailers and requests on probation together. At the limit the
    /// one that wants to grow is given up as unreadable; counted as `partialByteLimit`.
    public var partialBytesTotal = 67_108_864
    /// Flows followed at a time: slots of a higher index are passed over; counted as `flowLimit`.
    public var flows = 1_048_576

    /// The defaults.
    public init() {}
}
