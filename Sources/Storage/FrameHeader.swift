internal import Blocks

/// The fixed part at the start of a frame. It names its vault, segment and place, so that bytes of another file, or of
/// an earlier life of the same disk pages, never pass for it.
struct FrameHeader: Hashable {
    var version: UInt16
    var kind: UInt16
    var vault: VaultID
    var segment: UInt64
    /// Offset of the frame in the file.
    var offset: UInt64
    /// Length of the whole frame, a multiple of the page size.
    var length: UInt64
    /// Counts the frames of the segment from 0.
    var sequence: UInt64
    /// Up to this offset the file was on stable storage when the frame was written. Tells a torn tail from damage: a bad
    /// frame below what a later frame calls durable was once good.
    var durableTo: UInt64
    var recordCount: UInt32
    /// Length of the descriptors that follow the header.
    var descriptorBytes: UInt32
    /// Length of the small payloads that follow the descriptors.
    var packedBytes: UInt32
    /// In encrypted segments the tag of the frame before, so that frames of two histories never pass for one; else 0.
    var chain = FrameChain()

    /// One past the frame's last byte.
    var end: UInt64 { offset + length }

    /// Appends the header, checksum 0 until ``seal(_:descriptorBytes:)``.
    func append(to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.appendLittleEndian(SegmentFormat.frameMagic)
        bytes.appendLittleEndian(version)
        bytes.appendLittleEndian(kind)
        vault.append(to: &bytes)
        bytes.appendLittleEndian(segment)
        bytes.appendLittleEndian(offset)
        bytes.appendLittleEndian(length)
        bytes.appendLittleEndian(sequence)
        bytes.appendLittleEndian(durableTo)
        bytes.appendLittleEndian(recordCount)
        bytes.appendLittleEndian(descriptorBytes)
        bytes.appendLittleEndian(packedBytes)
        bytes.appendLittleEndian(chain.low)
        bytes.appendLittleEndian(chain.high)
        bytes.pad(to: start + SegmentFormat.frameHeaderBytes)
    }

    /// Computes the checksum over the header and the descriptors behind it, which begin `frame`, and writes it in.
    static func seal(_ frame: inout [UInt8], descriptorBytes: Int) {
        let checksum = unsafe checksum(of: frame.span.bytes, descriptorBytes: descriptorBytes)
        for index in 0..<4 {
            frame[SegmentFormat.checksumOffset + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(index)))
        }
    }

    /// Of everything from the frame's start to the end of its descriptors, but the checksum itself.
    static func checksum(of frame: RawSpan, descriptorBytes: Int) -> UInt32 {
        let before = CRC32C.of(frame.extracting(0..<SegmentFormat.checksumOffset))
        let start = SegmentFormat.frameHeaderBytes
        return CRC32C.update(before, frame.extracting(start..<start + descriptorBytes))
    }

    static func storedChecksum(of frame: RawSpan) -> UInt32 { frame.littleEndian(at: SegmentFormat.checksumOffset) }

    /// Reads a header without judging it; nil when the magic is missing.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= SegmentFormat.frameHeaderBytes,
            bytes.littleEndian(at: 0) == SegmentFormat.frameMagic
        else { return nil }
        version = bytes.littleEndian(at: 4)
        kind = bytes.littleEndian(at: 6)
        vault = VaultID(bytes: bytes, at: 8)
        segment = bytes.littleEndian(at: 24)
        offset = bytes.littleEndian(at: 32)
        length = bytes.littleEndian(at: 40)
        sequence = bytes.littleEndian(at: 48)
        durableTo = bytes.littleEndian(at: 56)
        recordCount = bytes.littleEndian(at: 64)
        descriptorBytes = bytes.littleEndian(at: 68)
        packedBytes = bytes.littleEndian(at: 72)
        chain = FrameChain(low: bytes.littleEndian(at: 76), high: bytes.littleEndian(at: 84))
    }

    init(
        kind: UInt16, header: SegmentHeader, offset: UInt64, length: UInt64, sequence: UInt64, durableTo: UInt64,
        recordCount: UInt32, descriptorBytes: UInt32, packedBytes: UInt32
    ) {
        version = UInt16(header.version)
        self.kind = kind
        vault = header.vault
        segment = header.number
        self.offset = offset
        self.length = length
        self.sequence = sequence
        self.durableTo = durableTo
        self.recordCount = recordCount
        self.descriptorBytes = descriptorBytes
        self.packedBytes = packedBytes
    }
}

/// The tag of an encrypted frame's descriptors, which the next frame repeats; zeros before the first.
struct FrameChain: Hashable {
    var low: UInt64 = 0
    var high: UInt64 = 0

    init(low: UInt64 = 0, high: UInt64 = 0) {
        self.low = low
        self.high = high
    }

    /// The tag at the end of an envelope.
    init(endOf envelope: RawSpan) {
        let end = envelope.byteCount
        low = envelope.littleEndian(at: end - 16)
        high = envelope.littleEndian(at: end - 8)
    }
}

/// The last bytes of a sealed segment: where its footer is.
struct SegmentTrailer: Hashable {
    var version: UInt32
    var vault: VaultID
    var segment: UInt64
    var footerOffset: UInt64
    var footerLength: UInt64
    var frameCount: UInt64
    var recordCount: UInt64
    var blockCount: UInt64

    func append(to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.appendLittleEndian(SegmentFormat.trailerMagic)
        bytes.appendLittleEndian(version)
        bytes.appendLittleEndian(UInt32(0))
        vault.append(to: &bytes)
        bytes.appendLittleEndian(segment)
        bytes.appendLittleEndian(footerOffset)
        bytes.appendLittleEndian(footerLength)
        bytes.appendLittleEndian(frameCount)
        bytes.appendLittleEndian(recordCount)
        bytes.appendLittleEndian(blockCount)
        bytes.pad(to: start + SegmentFormat.checksumOffset)
        bytes.appendLittleEndian(unsafe CRC32C.of(bytes.span.bytes.extracting(start..<bytes.count)))
    }

    /// Reads the last bytes of a file; nil when they are no trailer of this version.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount == SegmentFormat.trailerBytes,
            bytes.littleEndian(at: 0) == SegmentFormat.trailerMagic,
            bytes.littleEndian(at: SegmentFormat.checksumOffset)
                == CRC32C.of(bytes.extracting(0..<SegmentFormat.checksumOffset))
        else { return nil }
        version = bytes.littleEndian(at: 8)
        guard version == SegmentFormat.version || version == SegmentFormat.encryptedVersion else { return nil }
        vault = VaultID(bytes: bytes, at: 16)
        segment = bytes.littleEndian(at: 32)
        footerOffset = bytes.littleEndian(at: 40)
        footerLength = bytes.littleEndian(at: 48)
        frameCount = bytes.littleEndian(at: 56)
        recordCount = bytes.littleEndian(at: 64)
        blockCount = bytes.littleEndian(at: 72)
    }

    init(
        header: SegmentHeader, footerOffset: UInt64, footerLength: UInt64, frameCount: UInt64, recordCount: UInt64,
        blockCount: UInt64
    ) {
        version = header.version
        vault = header.vault
        segment = header.number
        self.footerOffset = footerOffset
        self.footerLength = footerLength
        self.frameCount = frameCount
        self.recordCount = recordCount
        self.blockCount = blockCount
    }
}
