public import Flows
public import Objects

/// A sink for targets that only ask whether the calls keep their promises.
public struct NullStreamSink: StreamSink {
    /// A sink that forgets everything.
    public init() {}

    /// Forgets.
    public mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {}
    /// Forgets.
    public mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {}
    /// Forgets.
    public mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {}
    /// Forgets.
    public mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext)
    {}
    /// Forgets.
    public mutating func close(_ flow: FlowHandle, _ context: SegmentContext) {}
}
