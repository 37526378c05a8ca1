internal import Packets

extension CaptureFile {
    /// The next record of a pcap file (draft-ietf-opsawg-pcap §5).
    @inline(__always)
    mutating func nextPcapRecord(_ header: PcapHeader) throws(Stop) -> CapturedFrame {
        let headerLength = header.magic.recordHeaderLength
        recordOffset = window.offset
        try require(headerLength, headerLength: headerLength)
        let record = window.withBytes(headerLength) { header.record($0) }
        let length = headerLength &+ Int(record.captured)
        guard length <= limits.recordBytesMax else {
            throw .fault(.recordTooLong(length: UInt64(length), limit: limits.recordBytesMax))
        }
        try require(length, headerLength: headerLength)
        frameOffset = headerLength
        consumedNext = UInt64(length)
        return CapturedFrame(
            number: counters.packets &+ 1, time: record.time, recordOffset: recordOffset, file: fileIndex,
            interface: 0, linkType: header.linkType, capturedLength: record.captured, wireLength: record.wire)
    }
}
