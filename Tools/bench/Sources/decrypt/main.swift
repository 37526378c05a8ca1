// Times the record layer alone: the segments of a capture's connections are put into memory first, then handed to Cleartext
// as Flows would, and what comes out is only counted.
// usage: decrypt CAPTURE KEYS [MIB, 2]      prints MB/s of cleartext, the best pass within two seconds
//
// Two mebibytes of the capture's beginning stay in the processor's cache, as the window does that captures are read through: what is
// measured is work, not memory.
import Capture
import Cleartext
import Flows
import Foundation
import Objects
import Packets

/// A call of ``StreamSink``, with its bytes in `Store.bytes`.
private struct Call {
    var flow: FlowHandle
    var half: HalfConnection
    var range: Range<Int>
    var offset: UInt64
    var context: SegmentContext
}

/// Keeps what Flows hands on.
private struct Store: StreamSink, ~Copyable {
    var limit: Int
    var bytes: [UInt8] = []
    var calls: [Call] = []
    var opened: [(FlowHandle, FlowDescription, SegmentContext)] = []

    init(limit: Int) {
        self.limit = limit
        bytes.reserveCapacity(limit)
    }

    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        opened.append((flow, description, context))
    }
    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        guard self.bytes.count + bytes.byteCount <= limit else { return }
        let start = self.bytes.count
        bytes.withUnsafeBytes { self.bytes.append(contentsOf: $0) }
        calls.append(Call(flow: flow, half: half, range: start..<self.bytes.count, offset: offset, context: context))
    }
    mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) { fatalError("the capture has gaps") }
    mutating func gapOfUnknownLength(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, next: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) { fatalError("the capture has gaps") }
    mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {}
    mutating func close(_ flow: FlowHandle, _ context: SegmentContext) {}
}

/// Counts what Cleartext hands on.
private struct Counter: StreamSink {
    var count: UInt64 = 0
    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {}
    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) { count += UInt64(bytes.byteCount) }
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

/// Frames to Flows.
private struct Reader: FrameSink, ~Copyable {
    var decapsulator = Decapsulator()
    var flows: FlowAssembler<Store>

    init(limit: Int) { flows = FlowAssembler(sink: Store(limit: limit)) }

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        let outcome = decapsulator.decode(
            bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength), time: frame.time)
        guard case .segment(let header, _) = outcome else { return }
        flows.segment(header, bytes, time: frame.time, packet: frame.number)
    }
}

let arguments = CommandLine.arguments
guard arguments.count >= 3, let log = FileManager.default.contents(atPath: arguments[2]) else {
    FileHandle.standardError.write(Data("usage: decrypt CAPTURE KEYS [MIB, 2]\n".utf8))
    exit(64)
}
var parser = KeyLogParser()
var secrets: [SecretEvent] = []
parser.read(Array(log).span.bytes) { secrets.append($0) }
parser.finish { secrets.append($0) }
let limit = (arguments.count > 3 ? Int(arguments[3]) ?? 2 : 2) << 20
var stream = try CaptureStream(paths: [arguments[1]])
private var reader = Reader(limit: limit)
while reader.flows.sink.bytes.count + (1 << 20) < limit, stream.run(into: &reader, atMost: 64) {}

/// One pass over all that is in memory: bytes of cleartext, and seconds.
private func pass(_ store: borrowing Store, _ secrets: [SecretEvent]) -> (count: UInt64, seconds: Double) {
    var engine = CleartextEngine(sink: Counter(), expectsSecrets: false)
    engine.take(secrets)
    for (flow, description, context) in store.opened { engine.open(flow, description, context) }
    let all = store.bytes.span.bytes
    let clock = ContinuousClock()
    let elapsed = clock.measure {
        for call in store.calls {
            engine.bytes(
                call.flow, call.half, all.extracting(call.range), at: call.offset, isSegmentStart: true, call.context)
        }
    }
    return (engine.sink.count, elapsed / .seconds(1))
}

var best = 0.0
let end = ContinuousClock.now + .seconds(2)
while ContinuousClock.now < end {
    let (count, seconds) = pass(reader.flows.sink, secrets)
    precondition(count > 0, "nothing was decrypted")
    best = max(best, Double(count) / 1e6 / seconds)
}
print(Int(best))
