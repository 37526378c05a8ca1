/// What the layer may hold, whatever the traffic. Every limit has a policy for what happens at it and a counter in
/// ``DialectCounters``.
public struct DialectLimits: Sendable, Hashable {
    /// Exchanges followed at a time. At one more the newcomer is passed over: its bytes are ignored and, when it names
    /// an object, an attempt says so. Counted as `openExchangeLimit`.
    public var openExchanges = 65_536
    /// Hosts of which is remembered that they speak S3 and how they address buckets. The least recently used is
    /// forgotten and learnt again when it speaks; counted as `endpointsForgotten`.
    public var endpoints = 4_096
    /// Multipart uploads of which a part's size is remembered, to place later parts. The least recently used is
    /// forgotten, which costs short blocks, never bytes; counted as `uploadsForgotten`.
    public var uploads = 4_096
    /// Bytes of one XML body that is read whole: 10,000 parts of a completion take 2-5 MB, 1,000 keys of a listing or a
    /// delete at most 7 MB. A longer one is read up to here and treated as cut; counted as `bodyByteLimit`.
    public var bodyBytes = 16_777_216
    /// Bytes of all XML bodies that are read whole together. Policy as for `bodyBytes`; counted as
    /// `bodyByteTotalLimit`.
    public var bodyBytesTotal = 67_108_864
    /// Bytes of an error answer that are read for its code. The rest is ignored.
    public var errorBodyBytes = 65_536
    /// Elements of one XML body. Beyond it the body counts as cut there; counted as `xmlElementLimit`.
    public var xmlElements = 131_072
    /// Depth of elements in an XML body. Policy and counter as for `xmlElements`.
    public var xmlDepth = 16
    /// Bytes of one chunk header or trailer line of an aws-chunked body. Beyond it the framing is lost; counted as
    /// `chunkLineLimit`.
    public var chunkLineBytes = 4_096
    /// Trailer lines of an aws-chunked body that are kept. Further ones are ignored; counted as `chunkTrailerLimit`.
    public var chunkTrailers = 16
    /// Parts of one multipart/byteranges answer. Beyond it the rest is ignored; counted as `byteRangeLimit`.
    public var byteRangeParts = 1_024
    /// Bytes of the head of one part of a multipart/byteranges answer. Beyond it the framing is lost; counted as
    /// `byteRangeLimit`.
    public var byteRangeHeadBytes = 8_192

    /// The defaults.
    public init() {}
}
