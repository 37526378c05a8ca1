/// Counters of a file or of a stream.
public struct CaptureStatistics: Hashable, Sendable {
    /// Packets read, those that a filter left out among them.
    public var packets: UInt64 = 0
    /// Bytes captured of them.
    public var capturedBytes: UInt64 = 0
    /// Packets of which only a part was captured.
    public var snappedPackets: UInt64 = 0
    /// Bytes that these lack.
    public var snappedBytes: UInt64 = 0
    /// Packets whose record has no time (Simple Packet Blocks).
    public var untimedPackets: UInt64 = 0
    /// Packets that the filter left out.
    public var filteredPackets: UInt64 = 0
    /// Blocks skipped since they hold no packets (pcapng).
    public var skippedBlocks: UInt64 = 0
    /// Decryption Secrets Blocks among the skipped ones.
    public var secretsBlocks: UInt64 = 0
    /// Packets that the interfaces or the system dropped, as far as the files say so.
    public var droppedPackets: UInt64 = 0

    /// All zero.
    public init() {}

    /// Adds the counters of another.
    public mutating func add(_ other: CaptureStatistics) {
        packets &+= other.packets
        capturedBytes &+= other.capturedBytes
        snappedPackets &+= other.snappedPackets
        snappedBytes &+= other.snappedBytes
        untimedPackets &+= other.untimedPackets
        filteredPackets &+= other.filteredPackets
        skippedBlocks &+= other.skippedBlocks
        secretsBlocks &+= other.secretsBlocks
        droppedPackets &+= other.droppedPackets
    }
}
