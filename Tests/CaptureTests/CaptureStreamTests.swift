import Capture
import Foundation
import Packets
import TestSupport
import Testing

/// Keeps what a stream sends.
struct RecordingSink: FrameSink {
    var frames: [CapturedFrame] = []
    var bytes: [[UInt8]] = []

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        frames.append(frame)
        self.bytes.append(bytes.withUnsafeBytes { Array($0) })
    }
}

@Suite struct CaptureStreamTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A capture with packets at these seconds.
    private func capture(_ name: String, _ seconds: [UInt32], size: Int = 60) throws -> String {
        var builder = CaptureBuilder()
        builder.pcapHeader()
        for (index, second) in seconds.enumerated() { builder.pcapRecord(second, 0, packet(index, size)) }
        return try folder.write(name, builder.bytes)
    }

    private func drain(_ stream: inout CaptureStream, atMost count: Int = 7) -> RecordingSink {
        var sink = RecordingSink()
        while stream.run(into: &sink, atMost: count) {}
        return sink
    }

    @Test func `frames of several files come in order of time, equal ones in the order of the files`() throws {
        let paths = [
            try capture("a", [1, 4, 4, 9]), try capture("b", [2, 4, 8]), try capture("c", []),
            try capture("d", [4, 20]),
        ]
        var stream = try CaptureStream(paths: paths)
        let sink = drain(&stream)
        #expect(sink.frames.map { $0.time / 1_000_000_000 } == [1, 2, 4, 4, 4, 4, 8, 9, 20])
        #expect(sink.frames.map(\.file) == [0, 1, 0, 0, 1, 3, 1, 0, 3])
        #expect(sink.frames.map(\.number) == Array(1...9))
        let (isAtEnd, faults) = (stream.isAtEnd, stream.faults)
        #expect(isAtEnd && faults.isEmpty)
        #expect(stream.bytesRead == stream.bytesTotal)
        #expect(stream.statistics.packets == 9)
        #expect(stream.summaries.map(\.statistics.packets) == [4, 3, 0, 2])
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func `a merge is a stable sort by time when each file is in order`(seed: UInt64) throws {
        var state = seed
        func random(_ bound: UInt32) -> UInt32 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt32(state >> 33) % bound
        }
        var expected: [(time: UInt32, file: Int, bytes: [UInt8])] = []
        var paths: [String] = []
        for file in 0..<Int(2 + random(9)) {
            let seconds = (0..<random(60)).map { _ in random(40) }.sorted()
            paths.append(try capture("\(file)", seconds, size: 40 + file))
            for (index, second) in seconds.enumerated() { expected.append((second, file, packet(index, 40 + file))) }
        }
        expected.sort { ($0.time, $0.file) < ($1.time, $1.file) }
        var stream = try CaptureStream(paths: paths)
        let sink = drain(&stream, atMost: 1 + Int(random(20)))
        #expect(sink.frames.map { UInt32($0.time / 1_000_000_000) } == expected.map(\.time))
        #expect(sink.frames.map { Int($0.file) } == expected.map(\.file))
        #expect(sink.bytes == expected.map(\.bytes))
    }

    @Test func `a file whose times run backwards keeps its own order`() throws {
        var stream = try CaptureStream(paths: [try capture("a", [5, 3, 6]), try capture("b", [4, 7])])
        let sink = drain(&stream)
        #expect(sink.frames.filter { $0.file == 0 }.map { $0.time / 1_000_000_000 } == [5, 3, 6])
        #expect(sink.frames.map(\.file) == [1, 0, 0, 0, 1])
    }

    @Test func `one file alone gives what the file gives`() throws {
        let path = ProjectFolder.captures + "/" + "d40-base/d40-base.pcap"
        var stream = try CaptureStream(paths: [path])
        let sink = drain(&stream)
        let own = try OwnReading(path: path)
        #expect(sink.frames == own.frames)
        #expect(sink.bytes == own.packets.map(\.bytes))
        #expect(stream.statistics == own.statistics)
    }

    @Test func `a capture cut in two in time and merged again is the capture`() throws {
        let path = ProjectFolder.captures + "/" + "d40-base/d40-base.pcap"
        let own = try OwnReading(path: path)
        var halves = [CaptureBuilder(), CaptureBuilder()]
        for index in halves.indices { halves[index].pcapHeader(magic: 0xA1B2_3C4D) }
        for packet in own.packets {
            // Equal times stay in one file, so that their order is kept.
            halves[Int(packet.time / 1_000 % 2)].pcapRecord(
                UInt32(packet.time / 1_000_000_000), UInt32(packet.time % 1_000_000_000), packet.bytes)
        }
        let paths = try halves.enumerated().map { try folder.write("\($0)", $1.bytes) }
        var stream = try CaptureStream(paths: paths)
        let sink = drain(&stream)
        #expect(sink.bytes == own.packets.map(\.bytes))
    }

    @Test func `a run stops after the packets it was allowed`() throws {
        var stream = try CaptureStream(paths: [try capture("a", [1, 2, 3, 4, 5])])
        var sink = RecordingSink()
        #expect(stream.run(into: &sink, atMost: 2))
        #expect(sink.frames.count == 2)
        let read = stream.bytesRead
        #expect(read > 0 && read < stream.bytesTotal)
        #expect(stream.run(into: &sink, atMost: 0))
        #expect(sink.frames.count == 2)
        #expect(!stream.run(into: &sink, atMost: 100))
        #expect(sink.frames.count == 5)
        #expect(!stream.run(into: &sink, atMost: 100))
    }

    @Test func `steps give the same frames as a run`() throws {
        let paths = [try capture("a", [1, 3]), try capture("b", [2])]
        var stream = try CaptureStream(paths: paths)
        var seconds: [UInt64] = []
        while let second = stream.next({ frame, _ in frame.time / 1_000_000_000 }) { seconds.append(second) }
        #expect(seconds == [1, 2, 3])
        let isAtEnd = stream.isAtEnd
        #expect(isAtEnd)
    }

    @Test func `a damaged file ends with its fault while the others go on`() throws {
        var damaged = CaptureBuilder()
        damaged.pcapHeader()
        damaged.pcapRecord(2, 0, packet(1))
        damaged.bytes += packet(3, 10)
        let path = try folder.write("damaged", damaged.bytes)
        var headOnly = CaptureBuilder()
        headOnly.pcapHeader()
        headOnly.bytes += packet(3, 5)
        let second = try folder.write("head", headOnly.bytes)
        var stream = try CaptureStream(paths: [path, try capture("b", [1, 3]), second])
        let sink = drain(&stream)
        #expect(sink.frames.map(\.file) == [1, 0, 1])
        #expect(stream.faults.map(\.path) == [second, path])
        #expect(stream.faults.map(\.kind)[1] == .truncatedRecordHeader(found: 10, expected: 16))
        #expect(stream.summaries.map { $0.fault != nil } == [true, false, true])
        #expect(stream.bytesRead == stream.bytesTotal)
    }

    @Test func `files that follow each other in time are open one at a time`() throws {
        let paths = try (0..<40).map { try capture("\($0)", [UInt32($0) * 10, UInt32($0) * 10 + 5]) }
        var limits = CaptureLimits()
        limits.filesAtOnceMax = 1
        var stream = try CaptureStream(paths: paths.reversed(), limits: limits)
        let sink = drain(&stream)
        #expect(stream.faults.isEmpty)
        #expect(sink.frames.count == 80)
        #expect(sink.frames.map(\.time) == sink.frames.map(\.time).sorted())
    }

    @Test func `more overlapping files than the limit are left out by name`() throws {
        let paths = [try capture("a", [1, 9]), try capture("b", [2, 9]), try capture("c", [3, 9])]
        var limits = CaptureLimits()
        limits.filesAtOnceMax = 2
        var stream = try CaptureStream(paths: paths, limits: limits)
        let sink = drain(&stream)
        #expect(sink.frames.map(\.file) == [0, 1, 0, 1])
        #expect(stream.faults == [CaptureFault(path: paths[2], offset: 0, kind: .tooManyFilesAtOnce(limit: 2))])
        #expect(stream.summaries[2].fault == stream.faults[0])
    }

    @Test func `a file that is gone when its turn comes is a fault`() throws {
        let paths = [try capture("a", [1]), try capture("b", [5])]
        var stream = try CaptureStream(paths: paths)
        try FileManager.default.removeItem(atPath: paths[1])
        let sink = drain(&stream)
        #expect(sink.frames.count == 1)
        guard case .cannotReopen = stream.faults.first?.kind else {
            Issue.record("\(stream.faults)")
            return
        }
    }

    @Test func `a stream opens all of its files or none`() throws {
        let missing = folder.path + "/missing"
        #expect(throws: CaptureError.cannotOpen(path: missing, errno: ENOENT)) {
            _ = try CaptureStream(paths: [try capture("a", [1]), missing])
        }
        #expect(throws: CaptureError.noFiles) { _ = try CaptureStream(paths: []) }
    }

    @Test func `the same file named twice comes twice`() throws {
        let path = try capture("a", [1, 2])
        var stream = try CaptureStream(paths: [path, path])
        #expect(drain(&stream).frames.map(\.file) == [0, 1, 0, 1])
    }
}
