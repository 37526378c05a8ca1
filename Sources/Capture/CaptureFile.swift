internal import Packets

/// One capture file, pcap or pcapng, read from its first packet to its last or to the place where it is damaged.
///
/// A step makes the next frame current; its bytes are there until the next step. When ``advance()`` returns nil,
/// ``fault`` tells an early end from the end of the file.
@safe
public struct CaptureFile: ~Copyable {
    /// The path it was opened with.
    public let path: String
    /// Why reading ended early; nil before the end, and after an end without a fault.
    public internal(set) var fault: CaptureFault?
    /// The interfaces described so far, over all sections.
    public internal(set) var interfaces: [CaptureInterface] = []
    /// The file's index in its stream, which its frames carry.
    let fileIndex: UInt32
    let limits: CaptureLimits
    var window: ReadWindow
    var format: Format
    /// The counters so far, without the drops, which ``statistics`` adds up.
    var counters = CaptureStatistics()
    /// Bytes of the current record or block, consumed at the next step.
    var consumedNext: UInt64 = 0
    /// Offset from the window's start of the current frame's bytes.
    var frameOffset = 0
    /// Time of the last frame that had one.
    var lastTime: UInt64 = 0
    /// True when there is nothing more to read.
    var isAtEnd = false

    /// Offset in the file of the record or block at hand.
    var recordOffset: UInt64 = 0
    /// The section at hand (pcapng).
    var section = PcapngSection.none
    /// For each of `interfaces`, what its packets need (pcapng).
    var readings: [InterfaceReading] = []

    /// Secrets met and not asked for yet, and their bytes: no more than one record may have.
    var secrets: [CapturedSecrets] = []
    var secretsBytes = 0

    /// What the bytes are read as.
    enum Format: BitwiseCopyable {
        case pcap(PcapHeader)
        case pcapng
    }

    /// Opens a capture and reads its header.
    public init(path: String, limits: CaptureLimits = CaptureLimits()) throws(CaptureError) {
        try self.init(path: path, fileIndex: 0, limits: limits)
    }

    init(path: String, fileIndex: UInt32, limits: CaptureLimits) throws(CaptureError) {
        var window: ReadWindow
        do throws(ReadWindow.OpenFault) {
            window = try ReadWindow(path: path, byteCount: limits.windowBytes)
        } catch {
            throw CaptureError(path: path, error)
        }
        let (format, interface) = try Self.recognise(&window, path)
        if let interface { interfaces.append(interface) }
        self.path = path
        self.fileIndex = fileIndex
        self.limits = limits
        self.window = window
        self.format = format
    }

    /// Bytes of the file that were read and given out.
    public var bytesRead: UInt64 { min(window.offset &+ consumedNext, bytesTotal) }

    /// Bytes of the file when it was opened.
    public var bytesTotal: UInt64 { window.sizeAtOpen }

    /// The counters so far.
    public var statistics: CaptureStatistics {
        var statistics = counters
        for interface in interfaces {
            let counted = (interface.droppedByInterface ?? 0) &+ (interface.droppedBySystem ?? 0)
            // Two accounts of the same losses: what single packets say is a part of what the statistics say.
            statistics.droppedPackets &+= max(counted, interface.droppedBetweenPackets)
        }
        return statistics
    }

    /// Makes the next frame current. Nil at the end, early or not.
    public mutating func advance() -> CapturedFrame? {
        guard !isAtEnd else { return nil }
        window.skip(consumedNext)
        consumedNext = 0
        do throws(Stop) {
            let frame =
                switch format {
                case .pcap(let header): try nextPcapRecord(header)
                case .pcapng: try nextPcapngPacket()
                }
            counters.packets &+= 1
            counters.capturedBytes &+= UInt64(frame.capturedLength)
            if frame.isSnapped {
                counters.snappedPackets &+= 1
                counters.snappedBytes &+= UInt64(frame.wireLength &- frame.capturedLength)
            }
            return frame
        } catch {
            isAtEnd = true
            if case .fault(let kind) = error { fault = CaptureFault(path: path, offset: recordOffset, kind: kind) }
            return nil
        }
    }

    /// Calls `body` with the next frame and its bytes, or returns nil at the end.
    public mutating func next<Result, Failure: Error>(
        _ body: (CapturedFrame, RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard let frame = advance() else { return nil }
        // Safe: the current frame's bytes stay in place until the next step, which cannot happen during this call.
        return try body(frame, unsafe RawSpan(_unsafeStart: frameStart, byteCount: Int(frame.capturedLength)))
    }

    /// Sends the next frames, at most `count`, to `sink`. Returns their number: fewer than `count` only at the end.
    public mutating func run<Sink: FrameSink & ~Copyable>(into sink: inout Sink, atMost count: Int) -> Int {
        var done = 0
        while done < count, let frame = advance() {
            // Safe: as in `next`.
            sink.frame(frame, unsafe RawSpan(_unsafeStart: frameStart, byteCount: Int(frame.capturedLength)))
            done += 1
        }
        return done
    }

    /// First byte of the current frame: `capturedLength` bytes in the window, which stay until the next step.
    var frameStart: UnsafeRawPointer { unsafe window.start + frameOffset }

    /// Why there is no next frame.
    enum Stop: Error {
        /// The file ends where it should.
        case end
        /// The file is damaged here.
        case fault(CaptureFault.Kind)
    }

    /// Makes `count` bytes of a record available, whose header is `headerLength` long, or says why not.
    @inline(__always)
    mutating func require(_ count: Int, headerLength: Int) throws(Stop) {
        if window.require(count) { return }
        throw shortage(count, headerLength: headerLength)
    }

    /// Tells the end of the file from a cut.
    private func shortage(_ count: Int, headerLength: Int) -> Stop {
        if window.available == 0, window.readErrno == 0, window.offset >= window.sizeAtOpen { return .end }
        if window.available < headerLength, let kind = windowFault {
            return .fault(kind)
        } else if window.available < headerLength {
            return .fault(.truncatedRecordHeader(found: window.available, expected: headerLength))
        }
        return cut(recordLength: UInt64(count))
    }

    /// What ended the file within the record at hand, of which more is missing than its header.
    func cut(recordLength: UInt64) -> Stop {
        if let kind = windowFault { return .fault(kind) }
        // Skipping may have gone beyond the end.
        let end = min(window.offset &+ UInt64(window.available), max(window.sizeAtOpen, recordOffset))
        return .fault(.truncatedRecord(found: end &- recordOffset, expected: recordLength))
    }

    /// A failure to read, or a file that lost its tail since it was opened.
    private var windowFault: CaptureFault.Kind? {
        if window.readErrno != 0 { return .readFailed(errno: window.readErrno) }
        let end = window.offset &+ UInt64(window.available)
        return end < window.sizeAtOpen ? .shrank(to: end, from: window.sizeAtOpen) : nil
    }
}

extension CaptureFile {
    /// Finds out what the file is. A pcap file's only interface comes with it; pcapng describes its own later.
    private static func recognise(
        _ window: inout ReadWindow, _ path: String
    ) throws(CaptureError) -> (Format, CaptureInterface?) {
        _ = window.require(PcapHeader.length)
        if window.readErrno != 0 { throw .readFailed(path: path, errno: window.readErrno) }
        guard window.available > 0 else { throw .empty(path: path) }
        let firstBytes = window.withBytes(min(window.available, CaptureFormat.recognisedBytes)) { bytes in
            (0..<bytes.byteCount).map { bytes.byte($0) }
        }
        switch CaptureFormat(firstBytes: firstBytes) {
        case .pcap(let magic):
            guard window.available >= PcapHeader.length else {
                throw .truncatedHeader(path: path, found: window.available, expected: PcapHeader.length)
            }
            let header: PcapHeader
            do throws(PcapHeader.UnknownVersion) {
                header = try window.withBytes(PcapHeader.length) { bytes throws(PcapHeader.UnknownVersion) in
                    try PcapHeader(bytes, magic)
                }
            } catch {
                throw .unsupportedVersion(path: path, format: "pcap", major: error.major, minor: error.minor)
            }
            window.consume(PcapHeader.length)
            return (.pcap(header), CaptureInterface(linkType: header.linkType, snapLength: header.snapLength))
        case .pcapng:
            try checkSection(&window, path)
            return (.pcapng, nil)
        case .compressed(let format, let tool): throw .compressed(path: path, format: format, tool: "\(tool) \(path)")
        case .other(let format): throw .otherFormat(path: path, format: format)
        case .unknown: throw .notCapture(path: path, firstBytes: Array(firstBytes.prefix(4)))
        }
    }

    /// Checks the first section header, which stays to be read with the packets.
    private static func checkSection(_ window: inout ReadWindow, _ path: String) throws(CaptureError) {
        guard window.require(PcapngBlock.sectionHeaderLength) else {
            throw .truncatedHeader(path: path, found: window.available, expected: PcapngBlock.sectionHeaderLength)
        }
        do throws(CaptureFault.Kind) {
            try window.withBytes(PcapngBlock.sectionHeaderLength) { bytes throws(CaptureFault.Kind) in
                _ = try PcapngSection(bytes, firstInterface: 0)
            }
        } catch {
            if case .unsupportedVersion(let major, let minor) = error {
                throw .unsupportedVersion(path: path, format: "pcapng", major: major, minor: minor)
            }
            throw .badHeader(path: path, fault: CaptureFault(path: path, offset: 0, kind: error))
        }
    }
}

extension CaptureError {
    init(path: String, _ fault: ReadWindow.OpenFault) {
        self =
            switch fault {
            case .system(let errno): .cannotOpen(path: path, errno: errno)
            case .directory: .isDirectory(path: path)
            case .notRegular(let what): .notRegular(path: path, what: what)
            }
    }
}

/// Every part of it may move between threads.
extension CaptureFile: Sendable {}
