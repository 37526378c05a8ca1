import Capture
import FuzzSupport

/// Counts what comes.
private struct FrameCount: FrameSink {
    var frames = 0
    var bytes = 0
    var checksum: UInt64 = 0

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        require(Int(frame.capturedLength) == bytes.byteCount, "\(frame) of \(bytes.byteCount)")
        frames += 1
        self.bytes += bytes.byteCount
        for index in 0..<bytes.byteCount {
            checksum = checksum &* 31 &+ UInt64(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
        }
        checksum = checksum &* 31 &+ frame.time &+ UInt64(frame.linkType.rawValue) &+ UInt64(frame.wireLength)
    }
}

nonisolated(unsafe) private let file = ScratchFile()

private func read(_ limits: CaptureLimits, files: Int) -> FrameCount? {
    guard var stream = try? CaptureStream(paths: Array(repeating: file.path, count: files), limits: limits) else {
        return nil
    }
    var count = FrameCount()
    while stream.run(into: &count, atMost: 7) {}
    require(stream.bytesRead == stream.bytesTotal, "\(stream.bytesRead) of \(stream.bytesTotal) bytes at the end")
    require(stream.faults.count <= files, "\(stream.faults)")
    return count
}

// Capture files: any bytes. Frames come out whole or the file ends with a fault; neither the size of the window nor a
// second file to be merged changes what is read.
fuzz { start, count in
    file.fill(start, count)
    guard let once = read(CaptureLimits(), files: 1) else { return 0 }
    require(once.bytes <= count, "\(once.bytes) bytes of \(count)")
    var small = CaptureLimits()
    small.windowBytes = 4_096
    guard let slow = read(small, files: 1) else { breach("refused with a small window") }
    require(slow.frames == once.frames && slow.checksum == once.checksum, "differs with a small window")
    guard let twice = read(small, files: 2) else { breach("refused as one of two") }
    require(twice.frames == 2 * once.frames && twice.bytes == 2 * once.bytes, "\(twice) of two, \(once) of one")
    return 0
}
