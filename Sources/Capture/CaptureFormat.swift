/// What a file is by its first bytes.
enum CaptureFormat {
    case pcap(PcapHeader.Magic)
    case pcapng
    /// Compressed: name and the command to undo it.
    case compressed(String, tool: String)
    /// A capture in another format.
    case other(String)
    case unknown

    /// First bytes of things that people hand to a replay, and what they are.
    private static let known: [(bytes: [UInt8], format: CaptureFormat)] = [
        ([0x0A, 0x0D, 0x0D, 0x0A], .pcapng),
        ([0x1F, 0x8B], .compressed("gzip", tool: "gunzip")),
        ([0x28, 0xB5, 0x2F, 0xFD], .compressed("zstd", tool: "unzstd")),
        ([0xFD, 0x37, 0x7A, 0x58], .compressed("xz", tool: "unxz")),
        ([0x04, 0x22, 0x4D, 0x18], .compressed("lz4", tool: "unlz4")),
        ([0x42, 0x5A, 0x68], .compressed("bzip2", tool: "bunzip2")),
        ([0x50, 0x4B, 0x03, 0x04], .compressed("zip", tool: "unzip")),
        (Array("snoop\0".utf8), .other("snoop")),
        (Array("RTSS".utf8), .other("Network Monitor")),
        (Array("GMBU".utf8), .other("Network Monitor")),
    ]

    /// Bytes of a file that suffice to recognise it.
    static let recognisedBytes = 8

    /// Recognises a file by its first bytes, as many as there are up to ``recognisedBytes``.
    init(firstBytes: [UInt8]) {
        if firstBytes.count >= 4 {
            let word = firstBytes[..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            if let magic = PcapHeader.Magic(bigEndianWord: word) {
                self = .pcap(magic)
                return
            }
        }
        self = Self.known.first { firstBytes.starts(with: $0.bytes) }?.format ?? .unknown
    }
}
