internal import Blocks
internal import Encryption

/// A whole frame, found by a scan.
struct ScannedFrame {
    var header: FrameHeader
    /// The descriptors, decrypted.
    var descriptorBytes: ArraySlice<UInt8>
    /// The tag of its descriptors; zeros in a vault in clear.
    var chain: FrameChain
    var descriptors: [RecordDescriptor]
}

/// Walks the frames of a segment from a known one on, believing nothing that it has not checked.
///
/// A frame counts when its header and descriptors match their checksum, name this vault, this segment and this offset,
/// follow the frame before in number, and every payload matches its checksum. The scan ends at the first that does not,
/// and ``end`` says why.
struct SegmentScan {
    /// Where the next frame begins; after the end, where the last good one ended.
    private(set) var offset: UInt64
    /// Set when ``next()`` has returned nil.
    private(set) var end: SegmentEnd?

    private let reader: SegmentReader
    /// The file's length when the scan began: what a writer adds meanwhile is for the next scan.
    private let size: UInt64
    private let durableTo: UInt64
    private var nextSequence: UInt64?
    private var window = FileWindow()
    private let decryptor: SegmentDecryptor?
    /// What the next frame repeats of the last; nil when that is not known.
    private var chain: FrameChain?

    /// A scan from `offset`, the start of a frame, on. `durableTo` is what the caller knows to have been on stable
    /// storage: a bad frame below it is damage, not a torn tail.
    init(
        _ reader: SegmentReader, from offset: UInt64 = UInt64(SegmentHeader.byteCount), durableTo: UInt64 = 0
    ) throws(StorageError) {
        self.reader = reader
        self.offset = offset
        self.durableTo = durableTo
        size = try reader.size()
        decryptor = try reader.makeDecryptor()
        if offset == UInt64(SegmentHeader.byteCount) {
            nextSequence = 0
            chain = FrameChain()
        }
    }

    /// The next whole frame of records; nil at the end. Throws only for what is no fault of the bytes: a failing read, or
    /// a format of a later release.
    mutating func next() throws(StorageError) -> ScannedFrame? {
        while end == nil {
            if offset == size {
                end = offset < durableTo ? damaged("the file ends before this offset, which was durable") : .open
                break
            }
            switch try probe(at: offset) {
            case .bad(let reason): end = try judge(reason)
            case .whole(let header, let page):
                if let expected = nextSequence, header.sequence != expected {
                    end = try judge("frame \(header.sequence) stands where frame \(expected) belongs")
                } else if let chain, header.chain != chain {
                    end = try judge("the frame belongs to another history of this segment")
                } else if header.kind == SegmentFormat.footerFrame {
                    end = try isSealed(by: header) ? .sealed : judge("the footer is not whole")
                } else if header.kind != SegmentFormat.dataFrame {
                    advance(past: header)  // A kind of a later release, skipped by its length.
                } else if let frame = try records(header, page) {
                    advance(past: header)
                    chain = frame.chain
                    return frame
                } else {
                    end = try judge(
                        reader.keys == nil
                            ? "a record does not match its checksum" : "a record does not match its checksum or tag")
                }
            }
        }
        return nil
    }

    private mutating func advance(past header: FrameHeader) {
        offset = header.end
        nextSequence = header.sequence + 1
    }

    private func damaged(_ reason: String) -> SegmentEnd { .damaged(at: offset, resumesAt: nil, reason: reason) }

    /// What stands at a place where a frame may begin.
    enum Probe {
        /// No whole front of a frame, and why.
        case bad(String)
        /// The header, and the frame's bytes to the end of its descriptors, as they stand in the file.
        case whole(FrameHeader, [UInt8])
    }

    /// Reads and checks the header and descriptors of the frame at `place`.
    func probe(at place: UInt64) throws(StorageError) -> Probe {
        guard place < size, size - place >= UInt64(SegmentFormat.pageBytes) else {
            return .bad("fewer bytes than a frame has")
        }
        var bytes = try reader.file.read(at: place, count: SegmentFormat.pageBytes)
        guard let header = unsafe FrameHeader(bytes.span.bytes) else { return .bad("no frame begins here") }
        let descriptorsEnd = SegmentFormat.frameHeaderBytes + Int(header.descriptorBytes)
        guard UInt64(descriptorsEnd) <= size - place else { return .bad("the frame's descriptors are cut off") }
        if descriptorsEnd > bytes.count {
            bytes += try reader.file.read(at: place + UInt64(bytes.count), count: descriptorsEnd - bytes.count)
            guard bytes.count == descriptorsEnd else { return .bad("the frame's descriptors are cut off") }
        }
        let checksum = unsafe FrameHeader.checksum(of: bytes.span.bytes, descriptorBytes: Int(header.descriptorBytes))
        guard unsafe FrameHeader.storedChecksum(of: bytes.span.bytes) == checksum else {
            return .bad("the frame's header does not match its checksum")
        }
        guard header.vault == reader.header.vault, header.segment == reader.header.number, header.offset == place
        else { return .bad("the frame was written for another place") }
        guard header.version == UInt16(reader.header.version) else {
            // The checksum holds, so this is no accident.
            if header.version == SegmentFormat.version || header.version == SegmentFormat.encryptedVersion {
                throw .otherProtection(path: reader.path, isEncrypted: reader.keys == nil)
            }
            throw .unsupportedVersion(
                path: reader.path, offset: place, found: Int(header.version),
                supported: Int(SegmentFormat.encryptedVersion))
        }
        guard header.length % UInt64(SegmentFormat.pageBytes) == 0, header.length >= UInt64(descriptorsEnd),
            header.length <= size - place
        else { return .bad("the frame is cut off") }
        return .whole(header, bytes)
    }

    /// The frame's descriptors, when all of them and their payloads are right; nil otherwise.
    private mutating func records(_ header: FrameHeader, _ page: [UInt8]) throws(StorageError) -> ScannedFrame? {
        let range = SegmentFormat.frameHeaderBytes..<SegmentFormat.frameHeaderBytes + Int(header.descriptorBytes)
        let payloads = header.offset + UInt64(range.upperBound)..<header.end
        guard let table = try decrypted(page[range], .frame, header, page) else { return nil }
        let bytes = unsafe table.span.bytes
        var descriptors: [RecordDescriptor] = []
        var position = 0
        while position < bytes.byteCount {
            guard let descriptor = RecordDescriptor(bytes, at: &position), descriptor.isWithin(payloads) else {
                return nil
            }
            guard try window.matchesChecksum(descriptor, in: reader) else { return nil }
            descriptors.append(descriptor)
        }
        guard descriptors.count == Int(header.recordCount) else { return nil }
        let chain = reader.keys == nil ? FrameChain() : unsafe FrameChain(endOf: page.span.bytes.extracting(range))
        return ScannedFrame(header: header, descriptorBytes: table, chain: chain, descriptors: descriptors)
    }

    /// The descriptors of a frame, decrypted where the vault has keys; nil when they are not authentic.
    func decrypted(
        _ descriptors: ArraySlice<UInt8>, _ kind: RecordContext.Kind, _ header: FrameHeader, _ page: [UInt8]
    ) throws(StorageError) -> ArraySlice<UInt8>? {
        guard let decryptor else { return descriptors }
        do throws(EncryptionError) {
            return try decryptor.descriptors(descriptors, kind, at: header.offset, header: page[...])[...]
        } catch {
            guard case .notAuthentic = error else { throw .encryption(path: reader.path, reason: error.description) }
            return nil
        }
    }

    private func isSealed(by footer: FrameHeader) throws(StorageError) -> Bool {
        guard footer.end == size, let trailer = try reader.trailer(size: size) else { return false }
        return trailer.footerOffset == footer.offset && trailer.footerLength == footer.length
    }

    /// Tells a torn tail from damage: a bad frame that a later whole frame, or the caller, calls durable was good once.
    private func judge(_ reason: String) throws(StorageError) -> SegmentEnd {
        var resumesAt: UInt64?
        var wasDurable = offset < durableTo
        var place = offset + UInt64(SegmentFormat.pageBytes)
        let newest = nextSequence.map { $0 == 0 ? nil : $0 - 1 } ?? nil
        while place < size {
            if try startsWithFrameMagic(place), case .whole(let header, _) = try probe(at: place),
                newest.map({ header.sequence > $0 }) ?? true
            {
                resumesAt = resumesAt ?? place
                wasDurable = wasDurable || header.durableTo > offset
                place = header.end
            } else {
                place += UInt64(SegmentFormat.pageBytes)
            }
        }
        return wasDurable
            ? .damaged(at: offset, resumesAt: resumesAt, reason: reason) : .torn(at: offset, reason: reason)
    }

    func startsWithFrameMagic(_ place: UInt64) throws(StorageError) -> Bool {
        let bytes = try reader.file.read(at: place, count: 4)
        guard bytes.count == 4 else { return false }
        return unsafe bytes.span.bytes.littleEndian(at: 0) == SegmentFormat.frameMagic
    }
}
