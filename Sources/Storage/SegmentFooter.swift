internal import Blocks
internal import Encryption

/// What a sealed segment says about itself: every record's descriptor, so that a rebuild need not read block data.
public struct SegmentFooter: Sendable {
    /// Frames of records.
    public let frameCount: UInt64
    /// Records in them.
    public let recordCount: UInt64
    /// Of these, blocks.
    public let blockCount: UInt64

    /// The descriptors, in order, as they stand in the file.
    let table: [UInt8]
}

extension SegmentReader {
    /// The footer; nil when the segment is not sealed, or its footer is damaged. In both cases a scan finds the records.
    public func footer() throws(StorageError) -> SegmentFooter? {
        let size = try size()
        guard let trailer = try trailer(size: size), trailer.footerOffset < size,
            trailer.footerLength == size - trailer.footerOffset,
            trailer.footerLength >= UInt64(SegmentFormat.frameHeaderBytes)
        else { return nil }
        var bytes = try file.read(at: trailer.footerOffset, count: Int(trailer.footerLength))
        guard bytes.count == Int(trailer.footerLength), let header = unsafe FrameHeader(bytes.span.bytes),
            header.kind == SegmentFormat.footerFrame, header.offset == trailer.footerOffset,
            header.vault == self.header.vault, header.segment == self.header.number,
            header.version == UInt16(self.header.version),
            UInt64(header.descriptorBytes) <= header.length - UInt64(SegmentFormat.frameHeaderBytes),
            header.length == trailer.footerLength
        else { return nil }
        let checksum = unsafe FrameHeader.checksum(of: bytes.span.bytes, descriptorBytes: Int(header.descriptorBytes))
        guard unsafe FrameHeader.storedChecksum(of: bytes.span.bytes) == checksum else { return nil }
        bytes.removeSubrange((SegmentFormat.frameHeaderBytes + Int(header.descriptorBytes))...)
        if let decryptor = try makeDecryptor() {
            do throws(EncryptionError) {
                bytes = try decryptor.descriptors(
                    bytes[SegmentFormat.frameHeaderBytes...], .footer, at: header.offset, header: bytes[...])
            } catch {
                guard case .notAuthentic = error else { throw .encryption(path: path, reason: error.description) }
                return nil
            }
        } else {
            bytes.removeFirst(SegmentFormat.frameHeaderBytes)
        }
        return SegmentFooter(
            frameCount: trailer.frameCount, recordCount: trailer.recordCount, blockCount: trailer.blockCount,
            table: bytes)
    }

    /// The last bytes of the file, when they are the trailer of this segment.
    func trailer(size: UInt64) throws(StorageError) -> SegmentTrailer? {
        guard size >= UInt64(2 * SegmentFormat.pageBytes) else { return nil }
        let bytes = try file.read(at: size - UInt64(SegmentFormat.trailerBytes), count: SegmentFormat.trailerBytes)
        guard let trailer = unsafe SegmentTrailer(bytes.span.bytes), trailer.vault == header.vault,
            trailer.segment == header.number
        else { return nil }
        return trailer
    }
}
