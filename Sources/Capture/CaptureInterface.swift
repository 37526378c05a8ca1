public import Packets

/// An interface that a capture file describes; a pcap file has exactly one.
public struct CaptureInterface: Hashable, Sendable {
    /// How its frames begin.
    public var linkType: LinkType
    /// Most bytes captured of a frame; 0 when there was no such limit.
    public var snapLength: UInt32
    /// The name in the file, if there is one.
    public var name: String?
    /// Packets the interface lacked room for (isb_ifdrop), by the last statistics in the file; nil without any.
    public var droppedByInterface: UInt64?
    /// Packets the operating system dropped (isb_osdrop), by the last statistics in the file; nil without any.
    public var droppedBySystem: UInt64?
    /// Packets lost in front of single packets, as these state it (epb_dropcount, the drops of obsolete Packet Blocks),
    /// added up.
    public var droppedBetweenPackets: UInt64 = 0

    /// An interface of which only this is known.
    public init(linkType: LinkType, snapLength: UInt32, name: String? = nil) {
        self.linkType = linkType
        self.snapLength = snapLength
        self.name = name
    }
}
