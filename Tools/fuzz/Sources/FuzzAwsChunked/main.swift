import Dialects
import Exchanges
import Flows
import FuzzSupport
import Objects

private let kinds = [
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
]

private func content(_ offset: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: offset &* 0x9E37_79B1 >> 11) }

/// A body in aws-chunked form, and the length of what it holds.
private struct CodedBody {
    var bytes: [UInt8] = []
    var decoded: UInt64 = 0

    /// A body as a client makes it, its chunks' sizes chosen by the input.
    init(chunksFrom input: inout FuzzInput, kind: String) {
        let count = input.byte() & 15
        for _ in 0..<count {
            let size = UInt64(input.word() & 0x3ff) + 1
            line(size, kind)
            bytes += (decoded..<decoded + size).map(content)
            bytes += Array("\r\n".utf8)
            decoded += size
        }
        line(0, kind)
        if kind.hasSuffix("TRAILER") { bytes += Array("x-amz-checksum-crc32:AAAAAA==\r\n".utf8) }
        bytes += Array("\r\n".utf8)
    }

    /// Any bytes, of which any length is announced.
    init(anyBytesFrom input: inout FuzzInput) {
        decoded = UInt64(input.word() & 0x3ff)
        bytes = input.take(1 << 16)
    }

    private mutating func line(_ size: UInt64, _ kind: String) {
        let signature = kind.contains("HMAC") ? ";chunk-signature=" + String(repeating: "0", count: 64) : ""
        bytes += Array((String(size, radix: 16) + signature + "\r\n").utf8)
    }
}

// aws-chunked bodies: bytes of any kind as the body of an upload that announces the coding, or a proper one with known
// payload, cut and holed anywhere. Where the payload is known, every byte must come out at its place.
// Input: choices, sizes of runs (8 bytes), then the body or its chunks' sizes.
fuzz { start, count in
    var input = FuzzInput(start, count)
    let choice = input.byte()
    let kind = kinds[Int(choice & 3) % kinds.count]
    let isProper = choice & 4 != 0
    let runs = input.take(8)
    let body = isProper ? CodedBody(chunksFrom: &input, kind: kind) : CodedBody(anyBytesFrom: &input)
    var sink = TransferCheck()
    if isProper {
        sink.onPayload = { bytes, offset in
            for index in 0..<bytes.byteCount {
                let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
                require(byte == content(offset + UInt64(index)), "payload byte \(offset) + \(index) is wrong")
            }
        }
    }
    var engine = HTTPEngine(sink: ExchangeCheck(DialectEngine(options: DialectOptions(), sink: sink)))
    let flow = FlowHandle(slot: 0, number: 1)
    let description = FlowDescription(
        text: "10.0.0.1:1 > 10.0.0.2:80", initiatorAddress: "10.0.0.1", responderAddress: "10.0.0.2", initiatorPort: 1,
        responderPort: 80, startedMidStream: false)
    var context = SegmentContext(time: 1, packet: 1, acknowledged: 0)
    engine.open(flow, description, context)
    let announced = choice & 8 == 0 ? "x-amz-decoded-content-length: \(body.decoded)\r\n" : ""
    let head =
        "PUT /b/k HTTP/1.1\r\nHost: s3.amazonaws.com\r\nx-amz-content-sha256: \(kind)\r\n\(announced)"
        + "Content-Encoding: aws-chunked\r\nx-amz-trailer: x-amz-checksum-crc32\r\nContent-Length: \(body.bytes.count)\r\n\r\n"
    engine.bytes(flow, .fromInitiator, Array(head.utf8).span.bytes, at: 0, isSegmentStart: true, context)
    var place = 0
    var hasGap = false
    while place < body.bytes.count {
        let run = Int(runs.isEmpty ? 255 : runs[Int(context.packet) % runs.count])
        let end = min(body.bytes.count, place + run + 1)
        let offset = UInt64(head.utf8.count + place)
        context.packet += 1
        if run == 200 {
            engine.gap(flow, .fromInitiator, at: offset, length: UInt64(end - place), cause: .notCaptured, context)
            hasGap = true
        } else {
            let bytes = body.bytes.span.bytes.extracting(place..<end)
            engine.bytes(flow, .fromInitiator, bytes, at: offset, isSegmentStart: true, context)
        }
        place = end
    }
    context.acknowledged = UInt64(head.utf8.count + body.bytes.count)
    let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)
    engine.bytes(flow, .fromResponder, answer.span.bytes, at: 0, isSegmentStart: true, context)
    engine.end(flow, .fromInitiator, .finished, context)
    engine.end(flow, .fromResponder, .finished, context)
    engine.close(flow, context)
    require(engine.sink.openExchanges == 0 && engine.sink.inner.openExchanges == 0, "exchanges are left open")
    require(engine.sink.inner.sink.unused == 0, "transfers are left without an event")
    if isProper, !hasGap {
        let whole = TransferEnd(length: body.decoded)
        require(engine.sink.inner.sink.ends == [whole], "\(engine.sink.inner.sink.ends) for \(body.decoded) bytes")
    }
    return 0
}
