/// Where a block's bytes are: the value of the block index.
public struct BlockLocation: Hashable, Sendable, BitwiseCopyable {
    /// Number of the segment file.
    public var segment: UInt64
    /// Offset in that file of the first stored byte.
    public var payloadOffset: UInt64
    /// Stored bytes, after the codec.
    public var storedLength: UInt32
    /// Bytes of the block itself, 1 to 8 MiB.
    public var rawLength: UInt32
    /// How the bytes are stored: ``rawCodec``, or a method of compression by its code.
    public var codec: UInt8
    /// CRC-32C of the stored bytes.
    public var crc32c: UInt32

    /// The codec of a block stored as it is.
    public static let rawCodec: UInt8 = 0
    /// Set in the codec of what is stored in an envelope.
    public static let encryptedFlag: UInt8 = 0x80

    /// A location of its parts.
    public init(
        segment: UInt64, payloadOffset: UInt64, storedLength: UInt32, rawLength: UInt32,
        codec: UInt8 = BlockLocation.rawCodec, crc32c: UInt32
    ) {
        self.segment = segment
        self.payloadOffset = payloadOffset
        self.storedLength = storedLength
        self.rawLength = rawLength
        self.codec = codec
        self.crc32c = crc32c
    }

    /// Length of the binary form.
    public static let encodedByteCount = 29

    /// Appends the binary form: segment (8 bytes), payload offset (8), stored length (4), raw length (4), CRC-32C (4),
    /// codec (1); integers little-endian.
    public func append(to bytes: inout [UInt8]) {
        bytes.appendLittleEndian(segment)
        bytes.appendLittleEndian(payloadOffset)
        bytes.appendLittleEndian(storedLength)
        bytes.appendLittleEndian(rawLength)
        bytes.appendLittleEndian(crc32c)
        bytes.append(codec)
    }

    /// The binary form.
    public var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.encodedByteCount)
        append(to: &bytes)
        return bytes
    }

    /// The location whose binary form `bytes` is; nil when it has another length.
    public init?(encoded bytes: RawSpan) {
        guard bytes.byteCount == Self.encodedByteCount else { return nil }
        segment = bytes.littleEndian(at: 0)
        payloadOffset = bytes.littleEndian(at: 8)
        storedLength = bytes.littleEndian(at: 16)
        rawLength = bytes.littleEndian(at: 20)
        crc32c = bytes.littleEndian(at: 24)
        codec = bytes.littleEndian(at: 28)
    }

    /// The location whose binary form `bytes` is; nil when it has another length.
    public init?(encoded bytes: [UInt8]) {
        unsafe self.init(encoded: bytes.span.bytes)
    }
}
