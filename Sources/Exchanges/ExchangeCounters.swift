/// Why a flow carries nothing that this layer can read.
public enum OpaqueKind: UInt8, Sendable, Hashable, CaseIterable {
    /// TLS records.
    case tls
    /// HTTP/2 that could not be read: it broke the protocol before its first request, or reached a limit.
    case http2
    /// SSH.
    case ssh
    /// HTTP/1.1 until a 101 response changed the protocol (RFC 9110 §7.8).
    case upgraded
    /// A CONNECT tunnel (RFC 9110 §9.3.6).
    case tunnelled
    /// The first bytes are of no known protocol.
    case unrecognised
    /// Seen from its middle only, and no message start was ever proven.
    case unsynchronised
    /// Requests were pipelined and sync was lost: no position tells any more which response is whose.
    case pipelinedAfterLoss
    /// More requests waited for a response than the limit allows.
    case tooManyOpen
    /// The flow's slot lies beyond the limit of flows.
    case overFlowLimit
}

/// Flows of one kind and their bytes.
public struct OpaqueCount: Sendable, Hashable {
    /// Number of flows.
    public var flows: UInt64 = 0
    /// Bytes that were passed over, both half-connections together.
    public var bytes: UInt64 = 0

    /// Nothing yet.
    public init() {}
}

/// What the layer did, summed over all flows.
public struct ExchangeCounters: Sendable, Hashable {
    /// Request heads reported.
    public var requests: UInt64 = 0
    /// Response heads reported, each paired with its request.
    public var responses: UInt64 = 0
    /// Interim responses (1xx but 101) that were swallowed.
    public var interimResponses: UInt64 = 0
    /// Responses with no request they could be proven to belong to; not reported.
    public var unpairedResponses: UInt64 = 0
    /// Times a half-connection found a message start again after it had lost sync or began in its middle.
    public var resynchronisations: UInt64 = 0
    /// Heads that were seen whole but break the grammar, contradict themselves or exceed a limit.
    public var unreadableHeads: UInt64 = 0
    /// Heads of which a gap took a part, or that the end of the connection cut.
    public var lostHeads: UInt64 = 0
    /// Times the framing of a body or the order of messages was lost.
    public var framingLosses: UInt64 = 0
    /// Requests whose proof never came while they were on probation; not reported.
    public var refusedRequests: UInt64 = 0
    /// Request bodies that a client kept back after `Expect: 100-continue` was refused.
    public var withheldBodies: UInt64 = 0
    /// Bytes passed over in HTTP flows while a half-connection was not synchronised.
    public var unreadableBytes: UInt64 = 0
    /// Exchanges whose request and response both ended framed (gaps inside were reported).
    public var completeExchanges: UInt64 = 0
    /// Exchanges with a response where one of the two was cut.
    public var cutExchanges: UInt64 = 0
    /// Exchanges that ended without a response.
    public var unansweredExchanges: UInt64 = 0
    /// Times ``ExchangeLimits/headerBytes`` was reached.
    public var headerByteLimit: UInt64 = 0
    /// Times ``ExchangeLimits/headerFields`` was reached.
    public var headerFieldLimit: UInt64 = 0
    /// Times ``ExchangeLimits/chunkLineBytes`` was reached.
    public var chunkLineLimit: UInt64 = 0
    /// Times ``ExchangeLimits/trailerBytes`` was reached.
    public var trailerLimit: UInt64 = 0
    /// Times ``ExchangeLimits/openExchanges`` or ``ExchangeLimits/openExchangesTotal`` was reached.
    public var openExchangeLimit: UInt64 = 0
    /// Times ``ExchangeLimits/partialBytesTotal`` was reached.
    public var partialByteLimit: UInt64 = 0
    /// Flows refused by ``ExchangeLimits/flows``.
    public var flowLimit: UInt64 = 0

    /// What was done with HTTP/2.
    public var http2 = HTTP2Counters()

    private var opaqueCounts = [OpaqueCount](repeating: OpaqueCount(), count: OpaqueKind.allCases.count)

    /// All zero.
    public init() {}

    /// The flows that could not be read, by kind. A flow of kind ``OpaqueKind/unsynchronised`` is counted when it
    /// closes, any other when its kind is recognised.
    public internal(set) subscript(opaque kind: OpaqueKind) -> OpaqueCount {
        get { opaqueCounts[Int(kind.rawValue)] }
        set { opaqueCounts[Int(kind.rawValue)] = newValue }
    }
}
