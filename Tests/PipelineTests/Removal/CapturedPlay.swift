import Capture
import Cleartext
import Exchanges
import Flows
import Foundation
import HTTPTypes
import Objects
import Packets
import TestSupport

/// A capture in memory, played again and again with packets left out, through the layers as Pipeline wires them.
struct CapturedPlay: Sendable {
    /// A packet that holds a segment.
    struct Packet: Sendable {
        var number: UInt64
        var time: UInt64
        var header: SegmentHeader
        var bytes: [UInt8]
    }

    let name: String
    private(set) var packets: [Packet] = []
    private var secrets: [SecretEvent] = []

    /// Reads a case of `Captures`, with the key log beside it.
    init(_ name: String) throws {
        self.name = name
        let stem = ProjectFolder.captures + "/\(name)/\(name)"
        if let log = FileManager.default.contents(atPath: stem + ".keys") {
            var parser = KeyLogParser()
            var events: [SecretEvent] = []
            parser.read(Array(log).span.bytes) { events.append($0) }
            parser.finish { events.append($0) }
            secrets = events
        }
        let path = FileManager.default.fileExists(atPath: stem + ".pcap") ? stem + ".pcap" : stem + ".pcapng"
        var stream = try CaptureStream(paths: [path])
        var reader = Reader()
        while stream.run(into: &reader, atMost: 1_024) {}
        packets = reader.packets
    }

    /// Plays it without some packets.
    func play(without lost: Set<UInt64> = []) -> HeardExchanges {
        var flows = FlowAssembler(
            sink: CleartextEngine(
                sink: ClearTap(inner: HTTPEngine(sink: HeardExchanges())), expectsSecrets: false))
        flows.sink.take(secrets)
        var last: (time: UInt64, packet: UInt64) = (0, 0)
        for packet in packets where !lost.contains(packet.number) {
            last = (max(last.time, packet.time), packet.number)
            flows.expire(now: last.time)
            flows.segment(packet.header, packet.bytes.span.bytes, time: packet.time, packet: packet.number)
        }
        flows.finishCapture(time: last.time, packet: last.packet)
        flows.sink.finish()
        var heard = flows.sink.sink.inner.sink
        heard.calls = flows.sink.sink.calls
        return heard
    }

    /// Decodes every frame once.
    private struct Reader: FrameSink, ~Copyable {
        var decapsulator = Decapsulator()
        var packets: [Packet] = []

        mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
            let outcome = decapsulator.decode(
                bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength), time: frame.time)
            guard case .segment(let header, _) = outcome else { return }
            packets.append(
                Packet(
                    number: frame.number, time: frame.time, header: header, bytes: bytes.withUnsafeBytes { Array($0) }))
        }
    }
}

/// Notes each call on its way from Cleartext to Exchanges: of TLS, one is a record's content.
struct ClearTap: StreamSink, ~Copyable {
    /// A call.
    struct Call {
        var flow: UInt64
        var half: HalfConnection
        /// Offset of its first byte in the cleartext.
        var offset: UInt64
        var bytes: [UInt8]
        /// The packet that it came with.
        var packet: UInt64

        var range: Range<UInt64> { offset..<offset + UInt64(bytes.count) }
    }

    var inner: HTTPEngine<HeardExchanges>
    var calls: [Call] = []

    init(inner: consuming HTTPEngine<HeardExchanges>) { self.inner = inner }

    mutating func open(_ flow: FlowHandle, _ description: FlowDescription, _ context: SegmentContext) {
        inner.open(flow, description, context)
    }
    mutating func bytes(
        _ flow: FlowHandle, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64, isSegmentStart: Bool,
        _ context: SegmentContext
    ) {
        inner.sink.call = calls.count
        calls.append(
            Call(
                flow: flow.number, half: half, offset: offset, bytes: bytes.withUnsafeBytes { Array($0) },
                packet: context.packet))
        inner.bytes(flow, half, bytes, at: offset, isSegmentStart: isSegmentStart, context)
    }
    mutating func gap(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, length: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) { inner.gap(flow, half, at: offset, length: length, cause: cause, context) }
    mutating func gapOfUnknownLength(
        _ flow: FlowHandle, _ half: HalfConnection, at offset: UInt64, next: UInt64, cause: GapCause,
        _ context: SegmentContext
    ) { inner.gapOfUnknownLength(flow, half, at: offset, next: next, cause: cause, context) }
    mutating func end(_ flow: FlowHandle, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {
        inner.end(flow, half, reason, context)
    }
    mutating func close(_ flow: FlowHandle, _ context: SegmentContext) { inner.close(flow, context) }
}

/// Keeps every exchange with its bodies.
struct HeardExchanges: ExchangeSink {
    /// A body: the bytes that came, zeros where some are missing, and whether none are.
    struct Body: Hashable {
        var bytes: [UInt8] = []
        var isWhole = false
        /// Where bytes are missing.
        var missing: [Range<Int>] = []
        /// Calls of the cleartext that told of the message, if they are noted.
        var calls: [Int] = []
    }

    /// An exchange.
    struct Exchange {
        var flow: UInt64
        var head: RequestHead
        var request = Body()
        var response = Body()
        var status: Int?
        var responseFields = HTTPFields()

        var isWhole: Bool { status != nil && request.isWhole && response.isWhole }
        /// What it said, from method to the response's last byte.
        var meaning: Meaning {
            Meaning(head: head, status: status, request: request.bytes, response: response.bytes)
        }
    }

    struct Meaning: Hashable {
        var head: RequestHead
        var status: Int?
        var request: [UInt8]
        var response: [UInt8]
    }

    /// The call of the cleartext that is read now.
    var call = 0
    /// Every call of the cleartext.
    var calls: [ClearTap.Call] = []
    private(set) var exchanges: [Exchange] = []
    /// What the client said first, and from where, by flow.
    private(set) var descriptions: [UInt64: FlowDescription] = [:]

    private func index(_ exchange: ExchangeID) -> Int { Int(exchange.number) - 1 }

    mutating func opened(_ flow: FlowHandle, _ description: FlowDescription) { descriptions[flow.number] = description }
    mutating func request(
        _ exchange: ExchangeID, _ flow: FlowHandle, _ head: RequestHead, _ framing: BodyFraming,
        _ context: SegmentContext
    ) {
        exchanges.append(Exchange(flow: flow.number, head: head))
        exchanges[index(exchange)].request.calls.append(call)
    }
    private static func append(_ bytes: RawSpan, _ call: Int, to body: inout Body) {
        body.bytes += bytes.withUnsafeBytes { Array($0) }
        body.calls.append(call)
    }
    private static func append(gap length: UInt64?, at offset: UInt64, to body: inout Body) {
        let end = length.map { Int(offset + $0) } ?? Int.max
        body.missing.append(Int(offset)..<end)
        if let length { body.bytes += [UInt8](repeating: 0, count: Int(length)) }
    }
    mutating func requestBody(_ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext) {
        Self.append(bytes, call, to: &exchanges[index(exchange)].request)
    }
    mutating func requestGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) { Self.append(gap: length, at: offset, to: &exchanges[index(exchange)].request) }
    mutating func requestEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].request.calls.append(call)
        exchanges[index(exchange)].request.isWhole =
            end == .framed && exchanges[index(exchange)].request.missing.isEmpty
    }
    mutating func response(
        _ exchange: ExchangeID, _ head: ResponseHead, _ framing: BodyFraming, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].response.calls.append(call)
        exchanges[index(exchange)].status = head.status
        exchanges[index(exchange)].responseFields = head.fields
    }
    mutating func responseBody(_ exchange: ExchangeID, _ bytes: RawSpan, at offset: UInt64, _ context: SegmentContext) {
        Self.append(bytes, call, to: &exchanges[index(exchange)].response)
    }
    mutating func responseGap(
        _ exchange: ExchangeID, at offset: UInt64, length: UInt64?, cause: GapCause, _ context: SegmentContext
    ) { Self.append(gap: length, at: offset, to: &exchanges[index(exchange)].response) }
    mutating func responseEnd(
        _ exchange: ExchangeID, _ end: BodyEnd, trailers: HTTPFields?, _ context: SegmentContext
    ) {
        exchanges[index(exchange)].response.calls.append(call)
        exchanges[index(exchange)].response.isWhole =
            end == .framed && exchanges[index(exchange)].response.missing.isEmpty
    }
    mutating func finish(_ exchange: ExchangeID, cause: GapCause?, _ context: SegmentContext) {}
}

extension RequestHead {
    /// Method and path.
    var text: String { "\(method) \(String(decoding: rawPath, as: UTF8.self))" }
}
