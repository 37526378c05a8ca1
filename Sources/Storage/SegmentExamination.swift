internal import Blocks
internal import Encryption

/// Looks at every byte of a segment file: header page, frames, catalog records, padding, footer and trailer. Blocks are named
/// to the caller, who reads each once and proves it.
///
/// Unlike a replay it goes on behind damage, and says how narrow it is: a bad payload costs nothing but itself, and where a
/// frame's header or descriptors are bad the footer still says what is in it.
public struct SegmentExamination {
    /// What was found in one frame.
    public struct Step: Sendable {
        /// Blocks that are described there, in order.
        public internal(set) var blocks: [DescribedBlock] = []
        /// Catalog records that are whole there.
        public internal(set) var records: [SegmentRecord] = []
        /// What is damaged.
        public internal(set) var damage: [SegmentDamage] = []
        /// Bytes of the file that it covers, blocks included.
        public internal(set) var byteCount: UInt64 = 0
    }

    private let reader: SegmentReader
    private let size: UInt64
    /// Up to here the file is looked at: its size, or what of an unsealed one is durable.
    private let end: UInt64
    private let expectsFooter: Bool
    private let footer: SegmentFooter?
    private let trailer: SegmentTrailer?
    private var scan: SegmentScan
    private var window = FileWindow()
    private var offset = UInt64(SegmentHeader.byteCount)
    private var nextSequence: UInt64? = 0
    private var chain: FrameChain? = FrameChain()
    /// Of the descriptors of all frames so far, for comparison with the footer; nil when some are lost.
    private var tableChecksum: UInt32? = 0
    private var isAtEnd = false

    /// An examination of `reader`'s segment. `durableTo`: up to where an unsealed segment is looked at; nil when no writer can
    /// go on in it any more: then the whole of it, and a missing footer is damage.
    public init(_ reader: SegmentReader, durableTo: UInt64?) throws(StorageError) {
        self.reader = reader
        size = try reader.size()
        trailer = try reader.trailer(size: size)
        footer = try reader.footer()
        expectsFooter = durableTo == nil || trailer != nil
        end = expectsFooter ? size : durableTo ?? size
        scan = try SegmentScan(reader)
    }

    /// What the next frame holds; nil behind the last. Throws what is no fault of the bytes: a failing read, or a format of a
    /// later release.
    public mutating func next() throws(StorageError) -> Step? {
        if isAtEnd { return nil }
        var step = Step()
        if offset >= end || offset >= size {
            isAtEnd = true
            if offset < end {
                step.damage.append(damage(offset..<end, .end, "the file ends before this offset, which was durable"))
            } else if expectsFooter {
                step.damage.append(damage(offset..<offset, .end, "the file ends without its footer"))
            }
            return step.damage.isEmpty ? nil : step
        }
        switch try scan.probe(at: offset) {
        case .bad(let reason): try skip(reason, &step)
        case .whole(let header, let page):
            step.byteCount = header.length
            checkOrder(of: header, &step)
            if header.kind == SegmentFormat.footerFrame {
                try examineFooter(header, &step)
                isAtEnd = true
            } else {
                if header.kind == SegmentFormat.dataFrame { try examine(header, page, &step) } else { chain = nil }
                offset = header.end
                nextSequence = header.sequence + 1
            }
        }
        return step
    }

    private func damage(_ range: Range<UInt64>, _ part: SegmentDamage.Part, _ reason: String) -> SegmentDamage {
        SegmentDamage(segment: reader.header.number, path: reader.path, range: range, part: part, reason: reason)
    }

    private func checkOrder(of header: FrameHeader, _ step: inout Step) {
        let front = offset..<offset + UInt64(SegmentFormat.frameHeaderBytes)
        if let expected = nextSequence, header.sequence != expected {
            step.damage.append(
                damage(front, .frame, "frame \(header.sequence) stands where frame \(expected) belongs"))
        } else if let chain, header.chain != chain {
            step.damage.append(damage(front, .frame, "the frame belongs to another history of this segment"))
        }
    }

    // MARK: Frames

    private mutating func examine(_ header: FrameHeader, _ page: [UInt8], _ step: inout Step) throws(StorageError) {
        let range = SegmentFormat.frameHeaderBytes..<SegmentFormat.frameHeaderBytes + Int(header.descriptorBytes)
        let front = header.offset..<header.offset + UInt64(range.upperBound)
        guard let table = try scan.decrypted(page[range], .frame, header, page) else {
            chain = nil
            try lose(front, header.end, "its descriptors do not match their tag", &step)
            return
        }
        chain = reader.keys == nil ? FrameChain() : unsafe FrameChain(endOf: page.span.bytes.extracting(range))
        tableChecksum = tableChecksum.map { unsafe CRC32C.update($0, table.span.bytes) }
        var payloads: [Range<UInt64>] = []
        let bytes = unsafe table.span.bytes
        var position = 0
        while position < bytes.byteCount {
            guard let descriptor = RecordDescriptor(bytes, at: &position),
                descriptor.isWithin(front.upperBound..<header.end)
            else {
                step.damage.append(damage(front, .frame, "it describes a record that cannot be"))
                return
            }
            payloads.append(descriptor.payload)
            try examine(descriptor, &step)
        }
        try examinePadding(between: payloads, in: front.upperBound..<header.end, &step)
    }

    private mutating func examine(_ descriptor: RecordDescriptor, _ step: inout Step) throws(StorageError) {
        switch descriptor.kind {
        case .block(let fingerprint):
            step.blocks.append(
                DescribedBlock(fingerprint: fingerprint, location: descriptor.location(in: reader.header.number)))
        case .catalogPut, .catalogDelete:
            let record: SegmentRecord
            do throws(StorageError) {
                record = try window.record(descriptor, in: reader)
            } catch {
                guard case .unknownCodec = error else { throw error }
                step.damage.append(damage(descriptor.payload, .catalogRecord, error.description))
                return
            }
            if case .damaged(_, let reason) = record {
                step.damage.append(damage(descriptor.payload, .catalogRecord, reason))
            } else {
                step.records.append(record)
            }
        case .other:
            if try !window.matchesChecksum(descriptor, in: reader) {
                step.damage.append(damage(descriptor.payload, .catalogRecord, "a record does not match its checksum"))
            }
        }
    }

    /// What no record claims was written as zeros.
    private mutating func examinePadding(
        between payloads: [Range<UInt64>], in room: Range<UInt64>, _ step: inout Step
    ) throws(StorageError) {
        var position = room.lowerBound
        for payload in payloads.sorted(by: { $0.lowerBound < $1.lowerBound }) + [room.upperBound..<room.upperBound] {
            if payload.lowerBound > position { try examineZeros(position..<payload.lowerBound, &step) }
            position = max(position, payload.upperBound)
        }
    }

    private mutating func examineZeros(_ range: Range<UInt64>, _ step: inout Step) throws(StorageError) {
        var position = range.lowerBound
        while position < range.upperBound {
            let count = Int(min(range.upperBound - position, UInt64(FileWindow.byteCount)))
            let bytes = try reader.file.read(at: position, count: count)
            if bytes.count < count { return }
            if let first = bytes.firstIndex(where: { $0 != 0 }), let last = bytes.lastIndex(where: { $0 != 0 }) {
                let place = position + UInt64(first)..<position + UInt64(last) + 1
                step.damage.append(damage(place, .padding, "bytes that were written as zeros are not zero"))
            }
            position += UInt64(count)
        }
    }

    // MARK: Damaged frames

    /// Goes on behind bytes where a frame should begin and none does.
    private mutating func skip(_ reason: String, _ step: inout Step) throws(StorageError) {
        let newest = nextSequence.map { $0 == 0 ? nil : $0 - 1 } ?? nil
        var place = offset + UInt64(SegmentFormat.pageBytes)
        while place < end {
            if try scan.startsWithFrameMagic(place), case .whole(let header, _) = try scan.probe(at: place),
                newest.map({ header.sequence > $0 }) ?? true
            {
                break
            }
            place += UInt64(SegmentFormat.pageBytes)
        }
        let next = min(place, end)
        step.byteCount = next - offset
        if let trailer, trailer.footerOffset == offset {
            step.damage.append(damage(offset..<end, .footer, reason))
            isAtEnd = true
            return
        }
        try lose(offset..<next, next, reason, &step)
        if next >= size { isAtEnd = true }
        offset = next
        nextSequence = nil
        chain = nil
    }

    /// Names a frame's front as damaged, and takes what is behind it from the footer.
    private mutating func lose(
        _ front: Range<UInt64>, _ next: UInt64, _ reason: String, _ step: inout Step
    ) throws(StorageError) {
        tableChecksum = nil
        var front = front
        var lost: [RecordDescriptor] = []
        if let footer {
            let bytes = unsafe footer.table.span.bytes
            var position = 0
            while let descriptor = RecordDescriptor(bytes, at: &position) {
                if (front.lowerBound..<next).contains(descriptor.payloadOffset) { lost.append(descriptor) }
            }
        }
        if let first = lost.map(\.payloadOffset).min(), first > front.lowerBound, first < front.upperBound {
            front = front.lowerBound..<first
        }
        step.damage.append(damage(front, .frame, reason))
        for descriptor in lost { try examine(descriptor, &step) }
    }

    // MARK: Footer

    private mutating func examineFooter(_ header: FrameHeader, _ step: inout Step) throws(StorageError) {
        let whole = header.offset..<max(header.end, size)
        guard let trailer else {
            let start = size - min(size, UInt64(SegmentFormat.trailerBytes))
            step.damage.append(damage(start..<size, .footer, "the trailer does not match its checksum"))
            return
        }
        guard let footer, header.end == size, trailer.footerOffset == header.offset else {
            step.damage.append(damage(whole, .footer, "the footer is not whole"))
            return
        }
        if let tableChecksum, unsafe CRC32C.of(footer.table.span.bytes) != tableChecksum {
            step.damage.append(damage(whole, .footer, "the footer does not say what the frames say"))
        }
        let front = header.offset + UInt64(SegmentFormat.frameHeaderBytes) + UInt64(header.descriptorBytes)
        try examineZeros(front..<size - UInt64(SegmentFormat.trailerBytes), &step)
    }
}

extension RecordDescriptor {
    /// Where its payload is in the file.
    fileprivate var payload: Range<UInt64> { payloadOffset..<payloadOffset &+ UInt64(storedLength) }
}
