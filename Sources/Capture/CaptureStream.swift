internal import Packets

/// Several captures as one stream of frames in order of time.
///
/// Of the files' next frames the earliest comes first; of equal ones that of the file named first. Each file keeps its own
/// order. Files are opened when their time comes and closed at their end, so that a day of rotated captures needs no more
/// than one file does.
@safe
public struct CaptureStream: ~Copyable {
    /// Faults of files that ended early, and of a filter that does not fit, in the order in which they were met.
    public private(set) var faults: [CaptureFault] = []
    /// Bytes of all files when they were opened.
    public let bytesTotal: UInt64
    /// True when a file is of a format that can hold secrets: pcapng.
    public let mayHoldSecrets: Bool
    /// True when the last frame was given out.
    public private(set) var isAtEnd = false

    private let limits: CaptureLimits
    private let paths: [String]
    private var files: OpenCaptures
    /// Summaries of files that were closed, or not opened yet.
    private var settled: [CaptureFileSummary]
    /// Files whose time has not come, the earliest last.
    private var waiting: [Waiting] = []
    /// The next frame of each open file: a heap, the earliest first. Not used for a single file.
    private var heads: [Head] = []
    /// True when the first of `heads` was given out, and its file must step on.
    private var isFirstHeadUsed = false
    private var filter: PacketFilter?
    private var packets: UInt64 = 0
    private var filteredPackets: UInt64 = 0
    private var bytesOfClosedFiles: UInt64 = 0
    private var secretsOfClosedFiles: [CapturedSecrets] = []
    /// The file of the current frame.
    private var currentFile = 0

    private struct Waiting: BitwiseCopyable {
        var time: UInt64
        var file: Int
    }

    private struct Head: BitwiseCopyable {
        var frame: CapturedFrame

        /// The order of the stream: time, then place on the command line.
        @inline(__always)
        func precedes(_ other: Head) -> Bool {
            frame.time != other.frame.time ? frame.time < other.frame.time : frame.file < other.frame.file
        }
    }

    /// Opens captures, reading the header and the first packet of each; fails for the first that cannot be read at all.
    /// A filter must fit the link types that are met by then.
    public init(
        paths: [String], filter expression: String? = nil, limits: CaptureLimits = CaptureLimits()
    ) throws(CaptureError) {
        guard !paths.isEmpty else { throw .noFiles }
        let limits = limits.sharedAmong(paths.count)
        var files = OpenCaptures(count: paths.count)
        var summaries: [CaptureFileSummary] = []
        var waiting: [Waiting] = []
        var mayHoldSecrets = false
        for (index, path) in paths.enumerated() {
            var probed = try CaptureFile(path: path, limits: limits)
            if case .pcapng = probed.format { mayHoldSecrets = true }
            // A file that is damaged before its first packet comes first, and ends with its fault.
            let time = probed.advance()?.time ?? 0
            waiting.append(Waiting(time: time, file: index))
            var summary = CaptureFileSummary(probed)
            summary.statistics = CaptureStatistics()
            summary.fault = nil
            summaries.append(summary)
        }
        waiting.sort { ($0.time, $0.file) > ($1.time, $1.file) }
        if paths.count == 1 {
            files.insert(try CaptureFile(path: paths[0], limits: limits), at: 0)
            waiting = []
        }
        let linkTypes = Set(summaries.flatMap { $0.interfaces.map(\.linkType) }).sorted { $0.rawValue < $1.rawValue }
        if let expression {
            filter = try PacketFilter(expression, linkTypes: linkTypes.isEmpty ? [.ethernet] : linkTypes)
        }
        bytesTotal = summaries.reduce(0) { $0 &+ $1.bytesTotal }
        self.mayHoldSecrets = mayHoldSecrets
        self.limits = limits
        self.paths = paths
        self.files = files
        settled = summaries
        self.waiting = waiting
    }
}

extension CaptureStream {
    /// Sends the next frames to `sink`, examining at most `count` packets, so that the caller can stop and show progress
    /// between calls. False when the stream is at its end.
    public mutating func run<Sink: FrameSink & ~Copyable>(into sink: inout Sink, atMost count: Int) -> Bool {
        var budget = count
        while let frame = advance(&budget) {
            // Safe: the current frame's bytes stay in place until the next step, which cannot happen during this call.
            sink.frame(frame, unsafe RawSpan(_unsafeStart: frameStart, byteCount: Int(frame.capturedLength)))
        }
        return !isAtEnd
    }

    /// Gives out the secrets that stand in the files, as far as they were read since the last call. Ask between calls of
    /// ``run(into:atMost:)``: a block may stand behind the packets it is for.
    public mutating func takeSecrets() -> [CapturedSecrets] {
        var secrets = secretsOfClosedFiles
        secretsOfClosedFiles = []
        for index in 0..<files.count { secrets += files.takeSecrets(index) }
        return secrets
    }

    /// Calls `body` with the next frame and its bytes, or returns nil at the end.
    public mutating func next<Result, Failure: Error>(
        _ body: (CapturedFrame, RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        var budget = Int.max
        guard let frame = advance(&budget) else { return nil }
        // Safe: as in `run`.
        return try body(frame, unsafe RawSpan(_unsafeStart: frameStart, byteCount: Int(frame.capturedLength)))
    }

    /// First byte of the current frame: `capturedLength` bytes, which stay until the next step.
    var frameStart: UnsafeRawPointer { unsafe files.frameStart(currentFile) }

    /// Makes the next frame that passes the filter current. Nil when `budget` packets were examined, or at the end; the
    /// budget is lowered by each packet examined.
    mutating func advance(_ budget: inout Int) -> CapturedFrame? {
        while budget > 0, !isAtEnd {
            guard var frame = files.count == 1 ? nextOfOnlyFile() : nextOfMerge() else {
                isAtEnd = true
                return nil
            }
            budget -= 1
            packets &+= 1
            frame.number = packets
            if filter == nil || passesFilter(frame) { return frame }
            filteredPackets &+= 1
        }
        return nil
    }

    private mutating func nextOfOnlyFile() -> CapturedFrame? {
        if let frame = files.advance(0) { return frame }
        close(0)
        return nil
    }

    private mutating func passesFilter(_ frame: CapturedFrame) -> Bool {
        do throws(CaptureError) {
            try filter?.prepare(frame.linkType)
        } catch {
            // Once for each link type: the expression stays unusable for it.
            faults.append(
                CaptureFault(
                    path: paths[Int(frame.file)], offset: frame.recordOffset,
                    kind: .filterUnusable(reason: error.description)))
        }
        // Safe: as in `run`.
        let bytes = unsafe RawSpan(_unsafeStart: frameStart, byteCount: Int(frame.capturedLength))
        return filter?.matches(bytes, linkType: frame.linkType, wireLength: frame.wireLength) ?? true
    }
}

// The merge.
extension CaptureStream {
    private mutating func nextOfMerge() -> CapturedFrame? {
        if isFirstHeadUsed {
            isFirstHeadUsed = false
            if let frame = files.advance(currentFile) {
                heads[0] = Head(frame: frame)
                siftDown()
            } else {
                removeFirstHead()
                close(currentFile)
            }
        }
        // A file whose first packet has the time of the earliest head must be there to be compared with it.
        while let next = waiting.last, heads.isEmpty || next.time <= heads[0].frame.time {
            waiting.removeLast()
            open(next.file)
        }
        guard let first = heads.first else { return nil }
        isFirstHeadUsed = true
        currentFile = Int(first.frame.file)
        return first.frame
    }

    /// Opens a file whose time has come and queues its first frame.
    private mutating func open(_ index: Int) {
        guard heads.count < limits.filesAtOnceMax else {
            leaveOut(index, .tooManyFilesAtOnce(limit: limits.filesAtOnceMax))
            return
        }
        do throws(CaptureError) {
            files.insert(
                try CaptureFile(path: paths[index], fileIndex: UInt32(truncatingIfNeeded: index), limits: limits),
                at: index)
        } catch {
            leaveOut(index, .cannotReopen(reason: error.description))
            return
        }
        if let frame = files.advance(index) {
            heads.append(Head(frame: frame))
            siftUp()
        } else {
            close(index)
        }
    }

    private mutating func leaveOut(_ index: Int, _ kind: CaptureFault.Kind) {
        let fault = CaptureFault(path: paths[index], offset: 0, kind: kind)
        settled[index].fault = fault
        faults.append(fault)
        bytesOfClosedFiles &+= settled[index].bytesTotal
    }

    /// Closes a file that has no more frames and keeps what is known of it.
    private mutating func close(_ index: Int) {
        guard let summary = files.summary(index) else { return }
        if let fault = summary.fault { faults.append(fault) }
        settled[index] = summary
        bytesOfClosedFiles &+= summary.bytesTotal
        secretsOfClosedFiles += files.takeSecrets(index)
        files.close(index)
    }

    private mutating func siftUp() {
        var child = heads.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heads[child].precedes(heads[parent]) else { return }
            heads.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var earliest = parent
            let left = 2 * parent + 1
            if left < heads.count, heads[left].precedes(heads[earliest]) { earliest = left }
            if left + 1 < heads.count, heads[left + 1].precedes(heads[earliest]) { earliest = left + 1 }
            if earliest == parent { return }
            heads.swapAt(parent, earliest)
            parent = earliest
        }
    }

    private mutating func removeFirstHead() {
        heads.swapAt(0, heads.count - 1)
        heads.removeLast()
        siftDown()
    }
}

// What is known on the way.
extension CaptureStream {
    /// Bytes of the files that were read and given out; ``bytesTotal`` at the end.
    public var bytesRead: UInt64 {
        var sum = bytesOfClosedFiles
        for index in 0..<files.count { sum &+= files.bytesRead(index) }
        return sum
    }

    /// What is known of each file, in the order in which they were named.
    public var summaries: [CaptureFileSummary] {
        (0..<files.count).map { files.summary($0) ?? settled[$0] }
    }

    /// The counters of all files together, and what the filter left out.
    public var statistics: CaptureStatistics {
        var statistics = CaptureStatistics()
        for summary in summaries { statistics.add(summary.statistics) }
        statistics.filteredPackets = filteredPackets
        return statistics
    }
}

/// Every part of it may move between threads.
extension CaptureStream: Sendable {}
