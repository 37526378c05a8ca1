internal import Blocks
internal import Encryption
internal import Glibc

/// Where a frame went.
public struct AppendedFrame: Sendable {
    /// Offset of the frame in the segment file.
    public var offset: UInt64
    /// Its length in bytes.
    public var length: UInt64
    /// Locations of its blocks, in the order in which they were added. To be published only after a sync.
    public var blocks: [BlockLocation]
}

/// Writes one segment file: frames one after the other, a footer at the end.
///
/// Owned by one thread. What is appended can be read at once through a ``SegmentReader``, and is durable when
/// ``synchronize()`` has returned. The first failure of a write or a sync poisons the writer: every later call throws
/// ``StorageError/poisoned(path:cause:)``, because after a failed sync the kernel may drop the pages and report the next
/// sync as good. The caller then goes on in a new segment with everything since the last successful sync.
public struct SegmentWriter: ~Copyable {
    /// The header of the file.
    public let header: SegmentHeader
    /// Length of the file, and the place of the next frame.
    public private(set) var size: UInt64
    /// Up to here everything is on stable storage.
    public private(set) var durableTo: UInt64
    /// True after ``seal()``.
    public private(set) var isSealed = false
    /// How the file ended when it was opened again after a stop; nil for a new file. What was torn has been cut off.
    public let recovered: SegmentEnd?

    let file: OpenFile
    private let options: StorageOptions
    var frameCount: UInt64 = 0
    private var recordCount: UInt64 = 0
    private var blockCount: UInt64 = 0
    /// The descriptors of all frames: the footer to be.
    private var table: [UInt8] = []
    private var reservedTo: UInt64 = 0
    /// Up to here the kernel was told to write out.
    private var writebackTo: UInt64 = 0
    private var failure: StorageError?
    /// Header, descriptors and packed payloads of the frame being written; reused.
    var head: [UInt8] = []
    /// The descriptors of that frame, in clear; reused.
    var frameTable: [UInt8] = []
    /// Encrypts frames; nil in a vault in clear.
    var encryptor: FrameEncryptor?
    /// For large frames; nil where it cannot be had.
    private var direct: DirectFile?

    /// Goes on with a file whose header is written and durable, and which has nothing behind it.
    init(
        file: consuming OpenFile, header: SegmentHeader, options: StorageOptions, keys: VaultKeys? = nil
    ) throws(StorageError) {
        encryptor = try FrameEncryptor.make(keys, header, path: file.path, after: FrameChain())
        direct = DirectFile(file.path)
        self.file = file
        self.header = header
        self.options = options
        size = UInt64(SegmentHeader.byteCount)
        durableTo = size
        recovered = nil
    }

    /// Goes on with a file of an earlier run; see ``SegmentDirectory/resumeSegment(_:durableTo:)``.
    init(
        file: consuming OpenFile, resuming reader: SegmentReader, durableTo: UInt64, options: StorageOptions
    ) throws(StorageError) {
        var scan = try SegmentScan(reader, durableTo: durableTo)
        var (table, frames, records, blocks) = ([UInt8](), UInt64(0), UInt64(0), UInt64(0))
        var chain = FrameChain()
        while let frame = try scan.next() {
            chain = frame.chain
            table.append(contentsOf: frame.descriptorBytes)
            frames += 1
            records += UInt64(frame.descriptors.count)
            blocks += UInt64(frame.descriptors.count { if case .block = $0.kind { true } else { false } })
        }
        switch scan.end {
        case .sealed: throw .alreadySealed(path: reader.path)
        case .damaged(let offset, _, let reason): throw .damaged(path: reader.path, offset: offset, reason: reason)
        case .torn: try file.truncate(to: scan.offset)
        case .open, nil: break
        }
        // Makes the cut, and what was written but perhaps not synced by the run before, durable from here on. Written again
        // first: after a sync that failed, the kernel calls pages clean that never reached the medium.
        let known = max(durableTo, UInt64(SegmentHeader.byteCount))
        try file.rewrite(min(known, scan.offset)..<scan.offset)
        try file.synchronize()
        encryptor = try FrameEncryptor.make(reader.keys, reader.header, path: reader.path, after: chain)
        direct = DirectFile(file.path)
        self.file = file
        header = reader.header
        self.options = options
        size = scan.offset
        self.durableTo = scan.offset
        recovered = scan.end
        self.table = table
        frameCount = frames
        recordCount = records
        blockCount = blocks
    }

    /// The file's path.
    public var path: String { file.path }
    /// Frames written so far.
    public var frames: UInt64 { frameCount }
    /// True when the file has reached the size at which it should be sealed.
    public var isFull: Bool { size >= options.segmentBytes }
    /// The failure after which the writer refuses everything; nil while it is well.
    public var poison: StorageError? { failure }

    /// Appends a frame with everything in `frame`, which stays as it is. An empty one writes nothing.
    ///
    /// Throws ``StorageError/tooLarge(what:bytes:limit:)`` without harm when the frame is beyond
    /// ``StorageOptions/frameBytesMax``; any failure of the file poisons the writer, after cutting off what was written
    /// of the frame if that is possible.
    public mutating func append(_ frame: borrowing FrameBuilder) throws(StorageError) -> AppendedFrame {
        try checkWritable()
        guard !frame.isEmpty else { return AppendedFrame(offset: size, length: 0, blocks: []) }
        let length = frame.byteCount
        guard length <= options.frameBytesMax else {
            throw .tooLarge(what: "a frame", bytes: length, limit: options.frameBytesMax)
        }
        // The footer's length is a 32-bit field, far above what a segment of sensible size needs.
        guard table.count + frame.storedDescriptorBytes <= Int(Int32.max) else {
            throw .tooLarge(what: "a footer", bytes: table.count + frame.descriptorBytes, limit: Int(Int32.max))
        }
        reserve(UInt64(length))
        let blocks = try encode(frame)
        do throws(StorageError) {
            unsafe try write(frame.aligned, from: frame.pool)
        } catch {
            fail(error)
            throw error
        }
        let place = AppendedFrame(offset: size, length: UInt64(length), blocks: blocks)
        table.append(contentsOf: frameTable)
        size += UInt64(length)
        frameCount += 1
        recordCount += UInt64(frame.recordCount)
        blockCount += UInt64(frame.blockCount)
        if size - writebackTo >= Self.writebackBytes {
            file.beginWriteback(max(writebackTo, durableTo)..<size)
            writebackTo = size
        }
        return place
    }

    /// Returns when everything appended is on stable storage (fdatasync). A failure poisons the writer.
    public mutating func synchronize() throws(StorageError) {
        try checkWritable()
        guard durableTo < size else { return }
        do throws(StorageError) {
            try file.synchronize()
        } catch {
            fail(error)
            throw error
        }
        durableTo = size
    }

    /// Writes the footer and makes the whole file durable. Afterwards the file never changes again.
    public mutating func seal() throws(StorageError) {
        // First the frames, so that the footer can vouch for them as durable.
        try synchronize()
        let length = try encodeFooter(table, recordCount: recordCount)
        SegmentTrailer(
            header: header, footerOffset: size, footerLength: UInt64(length), frameCount: frameCount,
            recordCount: recordCount, blockCount: blockCount
        ).append(to: &head)
        do throws(StorageError) {
            try file.write(head, at: size)
            // Frees what was claimed ahead.
            if reservedTo > 0 { try file.truncate(to: size + UInt64(length)) }
            try file.synchronize()
        } catch {
            fail(error)
            throw error
        }
        size += UInt64(length)
        durableTo = size
        isSealed = true
    }

    /// After a failure: cuts the file back to what is durable, so that nobody believes what the failed sync left in the
    /// page cache. The writer stays poisoned.
    public mutating func cutBackToDurable() throws(StorageError) {
        try file.truncate(to: durableTo)
        size = durableTo
    }

    /// Bytes between two calls that let the kernel write out: big enough for the medium, small beside a commit.
    private static let writebackBytes: UInt64 = 8 << 20

    private func checkWritable() throws(StorageError) {
        if let failure { throw .poisoned(path: path, cause: "\(failure)") }
        if isSealed { throw .alreadySealed(path: path) }
    }

    private mutating func fail(_ error: StorageError) {
        failure = error
        // A part of a frame would be found and cut by the next start as well; cutting it now also gives its space back.
        // When this fails too, there is nothing to add to the first error.
        _ = try? file.truncate(to: size)
    }

    /// Claims space ahead of the frame, in steps.
    private mutating func reserve(_ length: UInt64) {
        guard options.preallocationBytes > 0, size + length > reservedTo else { return }
        let step = max(options.preallocationBytes, length)
        file.reserve(from: size, count: step)
        reservedTo = size + step
    }

    /// Writes `head`, then each page-aligned payload from its buffer with zeros up to the next page: past the page cache
    /// where that is possible and the frame is big enough, since each such write waits for the medium.
    @unsafe
    private mutating func write(_ payloads: [FrameBuilder.AlignedPayload], from pool: BlockPool) throws(StorageError) {
        // The vectors point into buffers of `pool`, which their owner holds until the writer returns, and into `head`, which
        // does not change before that.
        var pages: [iovec] = unsafe []
        unsafe pages.reserveCapacity(payloads.count)
        var length = head.count
        for payload in payloads {
            let stored = SegmentFormat.roundedUp(payload.length)
            let start = unsafe pool.address(of: payload.buffer)
            // A buffer is whole pages, and what lies behind its block is nobody's.
            unsafe memset(start + payload.length, 0, stored - payload.length)
            unsafe pages.append(iovec(readingFrom: start, count: stored))
            length += stored
        }
        var written: UInt64 = 0
        if length >= options.directBytesMin {
            written = unsafe try direct?.write(head, pages, at: size) ?? 0
            if written == UInt64(length) { return }
            if written == 0 { direct = nil }
        }
        var failed: StorageError?
        unsafe head.withUnsafeBytes { head in
            var vectors = unsafe [iovec(readingFrom: head.baseAddress, count: head.count)] + pages
            unsafe vectors.skip(Int(written))
            do throws(StorageError) {
                unsafe try file.write(&vectors, at: size + written)
            } catch {
                failed = error
            }
        }
        if let failed { throw failed }
    }
}

extension [iovec] {
    /// Leaves out the first `count` bytes.
    @unsafe
    fileprivate mutating func skip(_ count: Int) {
        var rest = count
        while rest > 0, let vector = unsafe first {
            guard unsafe vector.iov_len > rest else {
                rest -= unsafe vector.iov_len
                unsafe removeFirst()
                continue
            }
            unsafe self[0] = unsafe iovec(
                iov_base: vector.iov_base.map { unsafe $0 + rest }, iov_len: vector.iov_len - rest)
            rest = 0
        }
    }
}

extension iovec {
    /// Memory that the kernel only reads, as for `pwritev`.
    @unsafe
    init(readingFrom address: UnsafeRawPointer?, count: Int) {
        unsafe self.init(iov_base: UnsafeMutableRawPointer(mutating: address), iov_len: count)
    }
}

extension RecordDescriptor {
    /// Where the block is, for the index.
    func location(in segment: UInt64) -> BlockLocation {
        BlockLocation(
            segment: segment, payloadOffset: payloadOffset, storedLength: storedLength, rawLength: rawLength,
            codec: codec, crc32c: crc32c)
    }
}
