// Times the front end stage by stage on one thread: each row is everything that the rows above do and one layer more.
// usage: front CAPTURE [RUNS, 5]      prints, for each stage, nanoseconds of CPU a packet: median and range of the runs
//
// The capture is read through the page cache, as a replay reads it; the last row also copies payload into block buffers, which
// go back to their pool unread. The stages take turns, so that a busy machine is busy for all of them.
import Blocks
import Capture
import Cleartext
import Dialects
import Exchanges
import Flows
import Foundation
import HTTPTypes
import Objects
import Packets

/// What takes frames and is one of the rows.
private protocol Stage: FrameSink, ~Copyable {
    init()
    /// What came out, which is never nothing.
    mutating func finish() -> UInt64
}

/// Reads each packet's record and no byte of the packet.
private struct Records: Stage, ~Copyable {
    private var bytes: UInt64 = 0

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) { self.bytes &+= UInt64(bytes.byteCount) }
    mutating func finish() -> UInt64 { bytes }
}

/// Decodes headers.
private struct Headers: Stage, ~Copyable {
    private var decapsulator = Decapsulator()
    private var segments: UInt64 = 0

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        let outcome = decapsulator.decode(
            bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength), time: frame.time)
        if case .segment = outcome { segments &+= 1 }
    }
    mutating func finish() -> UInt64 { segments }
}

/// Decodes headers and reassembles, for any chain behind that.
private struct Chain<Sink: StreamSink & ~Copyable>: ~Copyable {
    var decapsulator = Decapsulator()
    var flows: FlowAssembler<Sink>

    init(_ sink: consuming Sink) { flows = FlowAssembler(sink: sink) }

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        flows.expire(now: frame.time)
        let outcome = decapsulator.decode(
            bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength), time: frame.time)
        guard case .segment(let header, let tenant) = outcome else { return }
        flows.segment(header, bytes, time: frame.time, packet: frame.number, tenant: tenant)
    }

    mutating func finish() {
        decapsulator.finish()
        flows.finishCapture(time: 0, packet: 0)
    }
}

/// Counts the bytes of streams.
private struct StreamCounter: StreamSink {
    var count: UInt64 = 0

    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {}
    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) { count &+= UInt64(bytes.byteCount) }
    mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {}
    mutating func gapOfUnknownLength(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, next: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) {}
    mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {}
    mutating func close(_ flow: FlowHandle, _ context: SegmentContext) {}
}

private struct Streams: Stage, ~Copyable {
    private var chain = Chain(StreamCounter())

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) { chain.frame(frame, bytes) }
    mutating func finish() -> UInt64 {
        chain.finish()
        return chain.flows.sink.count
    }
}

/// Counts the bytes of bodies.
private struct BodyCounter: ExchangeSink {
    var count: UInt64 = 0

    mutating func request(
        _ exchange: ExchangeID, _ flow: FlowHandle, _ head: RequestHead, _ framing: BodyFraming, _ context: SegmentContext
    ) {}
    mutating func requestBody(_ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext) {
        count &+= UInt64(bytes.byteCount)
    }
    mutating func requestGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {}
    mutating func requestEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {}
    mutating func response(
        _ exchange: ExchangeID, _ head: ResponseHead, _ framing: BodyFraming, _ context: SegmentContext
    ) {}
    mutating func responseBody(_ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext) {
        count &+= UInt64(bytes.byteCount)
    }
    mutating func responseGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) {}
    mutating func responseEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {}
    mutating func finish(_ exchange: ExchangeID, cause: GapCause?, _ context: SegmentContext) {}
}

private struct HTTPEvents: Stage, ~Copyable {
    private var chain = Chain(CleartextEngine(sink: HTTPEngine(sink: BodyCounter()), expectsSecrets: false))

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) { chain.frame(frame, bytes) }
    mutating func finish() -> UInt64 {
        chain.finish()
        return chain.flows.sink.sink.sink.count
    }
}

/// Gives buffers back.
private struct Discard: BatchOutput {
    let pool: BlockPool
    var blocks: UInt64 = 0

    mutating func send(_ batch: consuming IngestBatch) {
        blocks &+= UInt64(batch.blocks.count)
        pool.release(batch.blocks)
    }
}

private struct Split: Stage, ~Copyable {
    private var chain: Chain<CleartextEngine<HTTPEngine<DialectEngine<BlockSplitter<Discard>>>>>

    init() {
        guard let pool = try? BlockPool() else { fatalError("no memory for the pool") }
        let dialects = DialectEngine(
            options: DialectOptions(), sink: BlockSplitter(pool: pool, output: Discard(pool: pool)))
        chain = Chain(CleartextEngine(sink: HTTPEngine(sink: dialects), expectsSecrets: false))
    }
    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) { chain.frame(frame, bytes) }
    mutating func finish() -> UInt64 {
        chain.finish()
        chain.flows.sink.sink.sink.sink.flush(lastPacket: 0)
        return chain.flows.sink.sink.sink.sink.output.blocks
    }
}

/// Nanoseconds of CPU of this thread.
private func threadTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// Nanoseconds a packet of one pass.
private func pass<S: Stage & ~Copyable>(_ stage: consuming S, _ path: String) throws -> Double {
    var stream = try CaptureStream(paths: [path])
    let start = threadTime()
    while stream.run(into: &stage, atMost: 4096) {}
    let output = stage.finish()
    let time = threadTime() - start
    precondition(output > 0, "nothing came out")
    return time / Double(stream.statistics.packets)
}

let arguments = CommandLine.arguments
guard arguments.count >= 2, let runs = arguments.count > 2 ? Int(arguments[2]) : 5, runs > 0 else {
    FileHandle.standardError.write(Data("usage: front CAPTURE [RUNS, 5]\n".utf8))
    exit(64)
}
let path = arguments[1]
var times: [(name: String, values: [Double])] = [
    ("records", []), ("+ headers", []), ("+ reassembly", []), ("+ HTTP events", []), ("+ objects and split", []),
]
for _ in 0..<runs {
    times[0].values.append(try pass(Records(), path))
    times[1].values.append(try pass(Headers(), path))
    times[2].values.append(try pass(Streams(), path))
    times[3].values.append(try pass(HTTPEvents(), path))
    times[4].values.append(try pass(Split(), path))
}
for (name, values) in times {
    let sorted = values.sorted()
    print(name, sorted[(runs - 1) / 2].rounded(), sorted[0].rounded(), sorted[runs - 1].rounded(), separator: "\t")
}
