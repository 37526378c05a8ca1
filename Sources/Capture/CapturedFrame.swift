public import Packets

/// What a capture says of one frame; its bytes come beside it.
public struct CapturedFrame: Hashable, Sendable, BitwiseCopyable {
    /// Number of the packet in the stream, counted from 1; packets that a filter leaves out count too, so that the number
    /// is the one that other tools show for a single file.
    public var number: UInt64
    /// When it was captured, nanoseconds since 1970 UTC.
    public var time: UInt64
    /// Offset in the file of the packet's record, for messages.
    public var recordOffset: UInt64
    /// Index of the file in the stream, from 0.
    public var file: UInt32
    /// Index of the interface within the file, from 0, counted over all sections.
    public var interface: UInt32
    /// Bytes captured: the length of the span that comes with it.
    public var capturedLength: UInt32
    /// Bytes on the wire, as the file states them.
    public var wireLength: UInt32
    /// How the frame begins.
    public var linkType: LinkType

    /// A frame of its parts.
    @inlinable
    public init(
        number: UInt64, time: UInt64, recordOffset: UInt64 = 0, file: UInt32 = 0, interface: UInt32 = 0,
        linkType: LinkType, capturedLength: UInt32, wireLength: UInt32
    ) {
        self.number = number
        self.time = time
        self.recordOffset = recordOffset
        self.file = file
        self.interface = interface
        self.linkType = linkType
        self.capturedLength = capturedLength
        self.wireLength = wireLength
    }

    /// True when the capture lacks a part of the frame.
    @inlinable public var isSnapped: Bool { capturedLength < wireLength }
}

/// Where a capture sends its frames. The span is valid for the call only.
public protocol FrameSink: ~Copyable {
    /// The next frame in order of time.
    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan)
}
