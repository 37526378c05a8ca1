import Capture
import Flows
import FuzzSupport
import Glibc
import Objects
import Packets

// Makes seeds from captures, so that the fuzzers need not guess what traffic looks like.
// usage: MakeSeeds FOLDER CAPTURE...
// Writes FOLDER/TARGET/NAME for FuzzFrames (distinct frames), FuzzHTTP (flows as runs), FuzzAwsChunked (texts).

/// Writes one seed.
func write(_ bytes: [UInt8], _ target: String, _ name: String) {
    let folder = "\(CommandLine.arguments[1])/\(target)"
    mkdir(folder, 0o777)
    guard let file = fopen("\(folder)/\(name)", "w") else { breach("cannot write \(folder)/\(name): errno \(errno)") }
    _ = fwrite(bytes, 1, bytes.count, file)
    fclose(file)
}

/// The first bytes of each flow, as the HTTP target reads them.
struct RunRecorder: StreamSink {
    static let bytesMax = 3_000
    var flows: [[UInt8]] = []

    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        flows.append([description.startedMidStream ? 1 : 0, 0])
    }
    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        let index = Int(flow.number) - 1
        guard flows[index].count < Self.bytesMax else { return }
        flows[index] += bytes.withUnsafeBytes { FuzzRun.encode(Array($0), half) }
    }
    mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {}
    mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {}
    mutating func close(_ flow: FlowHandle, _ context: SegmentContext) {}
}

/// Frames of unlike headers, and the flows they make.
struct SeedMaker: FrameSink, ~Copyable {
    let name: String
    var flows = FlowAssembler(sink: RunRecorder())
    var kinds: Set<UInt64> = []

    init(_ name: String) { self.name = name }

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        guard
            case .segment(let header) = FrameDecoder().decode(
                bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength))
        else { return }
        flows.segment(header, bytes, time: frame.time, packet: frame.number)
        let kind =
            UInt64(header.flags.rawValue) | UInt64(header.payloadOffset) << 8 | UInt64(frame.linkType.rawValue) << 24
        guard kinds.insert(kind).inserted, kinds.count <= 8 else { return }
        let types: [UInt16] = [1, 101, 12, 14, 228, 229, 113, 276]
        let type = UInt8(types.firstIndex(of: frame.linkType.rawValue) ?? 8)
        let content = bytes.withUnsafeBytes { Array($0.prefix(200)) }
        write([type, 0, 0] + content, "FuzzFrames", "\(name)-\(frame.number)")
    }
}

for path in CommandLine.arguments.dropFirst(2) {
    let name = path.split(separator: "/").last.map(String.init) ?? "capture"
    guard var stream = try? CaptureStream(paths: [path]) else { breach("cannot read \(path)") }
    var maker = SeedMaker(name)
    while stream.run(into: &maker, atMost: 1_024) {}
    // Flows of unlike size are likely to be unlike in what they do.
    var sizes: Set<Int> = []
    for (index, flow) in maker.flows.sink.flows.enumerated() where flow.count > 40 {
        guard sizes.insert(flow.count / 512).inserted, sizes.count <= 6 else { continue }
        write(flow, "FuzzHTTP", "\(name)-\(index)")
    }
}

for (index, talk) in talks.enumerated() {
    var bytes: [UInt8] = [0, 0]
    for (half, text) in talk { bytes += FuzzRun.encode(Array(text.utf8), half) }
    write(bytes, "FuzzHTTP", "talk-\(index)")
}
for (index, body) in chunkedBodies.enumerated() {
    let sizes: [UInt8] = [255, 255, 255, 255, 255, 255, 255, 255]
    write([8] + sizes + [0, 0] + Array(body.utf8), "FuzzAwsChunked", "text-\(index)")
    write([0] + sizes + [11, 0] + Array(body.utf8), "FuzzAwsChunked", "announced-\(index)")
}
write([4, 3, 200, 40, 9, 255, 0, 1, 77, 3, 9, 0, 0, 1, 255, 3], "FuzzAwsChunked", "proper")
