/// Delivers the records of a segment in the order in which they were written, in batches.
///
/// A sealed segment is replayed from its footer: block data is not read, catalog records are. Any other is scanned frame
/// by frame, with every payload checked, up to the first frame that is not whole.
public struct SegmentReplay {
    /// How the segment ends; set when ``next()`` has returned nil.
    public private(set) var end: SegmentEnd?

    private enum Source {
        case footer(SegmentFooter, position: Int)
        case frames(SegmentScan)
    }

    private static let recordsPerBatch = 1024

    private let reader: SegmentReader
    private let from: UInt64
    private var source: Source
    private var window = FileWindow()

    /// Replays `reader`'s segment from the frame that begins at `offset` on. `durableTo` is what the caller knows to have
    /// been on stable storage (from a checkpoint): a bad frame below it is damage, not a torn tail.
    public init(
        _ reader: SegmentReader, from offset: UInt64 = UInt64(SegmentHeader.byteCount), durableTo: UInt64 = 0
    ) throws(StorageError) {
        self.reader = reader
        from = offset
        if let footer = try reader.footer() {
            source = .footer(footer, position: 0)
        } else {
            source = .frames(try SegmentScan(reader, from: offset, durableTo: durableTo))
        }
    }

    /// Offset at which the frames replayed so far end. Tells where to go on; meaningful when ``end`` is not `sealed`.
    public var offset: UInt64 { if case .frames(let scan) = source { scan.offset } else { from } }

    /// The next records, never none; nil at the end. Throws when the file cannot be read or is of a later format.
    public mutating func next() throws(StorageError) -> [SegmentRecord]? {
        while end == nil {
            let descriptors: [RecordDescriptor]
            switch source {
            case .frames(var scan):
                let frame = try scan.next()
                source = .frames(scan)
                guard let frame else {
                    end = scan.end
                    return nil
                }
                descriptors = frame.descriptors
            case .footer(let footer, var position):
                descriptors = try Self.descriptors(of: footer, from: &position, path: reader.path)
                source = .footer(footer, position: position)
                if descriptors.isEmpty { end = .sealed }
            }
            var records: [SegmentRecord] = []
            records.reserveCapacity(descriptors.count)
            for descriptor in descriptors where descriptor.payloadOffset >= from {
                records.append(try window.record(descriptor, in: reader))
            }
            if !records.isEmpty { return records }
        }
        return nil
    }

    /// The next batch of a footer's descriptors; none at its end.
    private static func descriptors(
        of footer: SegmentFooter, from position: inout Int, path: String
    ) throws(StorageError) -> [RecordDescriptor] {
        let bytes = unsafe footer.table.span.bytes
        var descriptors: [RecordDescriptor] = []
        while position < bytes.byteCount, descriptors.count < recordsPerBatch {
            guard let descriptor = RecordDescriptor(bytes, at: &position) else {
                // The footer's checksum holds, so its writer was wrong.
                throw .damaged(path: path, offset: 0, reason: "the footer describes a record that cannot be")
            }
            descriptors.append(descriptor)
        }
        return descriptors
    }
}

extension SegmentReader {
    /// Replays the segment's records; see ``SegmentReplay``.
    public func replay(
        from offset: UInt64 = UInt64(SegmentHeader.byteCount), durableTo: UInt64 = 0
    ) throws(StorageError) -> SegmentReplay {
        try SegmentReplay(self, from: offset, durableTo: durableTo)
    }
}
