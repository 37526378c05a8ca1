import Capture
import Dialects
import Exchanges
import Flows
import FuzzSupport
import Packets

private typealias Chain =
    FlowAssembler<StreamCheck<HTTPEngine<ExchangeCheck<DialectEngine<TransferCheck>>>>>

/// The way of a frame through every parser, as Pipeline wires them.
private struct FrontEnd: FrameSink, ~Copyable {
    var decapsulator = Decapsulator()
    var flows: Chain
    var lastTime: UInt64 = 0
    var lastPacket: UInt64 = 0

    init() {
        let dialects = DialectEngine(options: DialectOptions(dialects: [.s3, .http]), sink: TransferCheck())
        flows = FlowAssembler(sink: StreamCheck(HTTPEngine(sink: ExchangeCheck(dialects))))
    }

    mutating func frame(_ frame: CapturedFrame, _ bytes: RawSpan) {
        lastPacket = frame.number
        lastTime = max(lastTime, frame.time)
        flows.expire(now: lastTime)
        let outcome = decapsulator.decode(
            bytes, linkType: frame.linkType, wireLength: Int(frame.wireLength), time: frame.time)
        switch outcome {
        case .segment(let header, let tenant):
            flows.segment(header, bytes, time: frame.time, packet: frame.number, tenant: tenant)
        case .reassembled(let header, let tenant):
            decapsulator.withDatagram { datagram in
                flows.segment(header, datagram, time: frame.time, packet: frame.number, tenant: tenant)
            }
        case .held, .fault: break
        }
    }

    /// Ends the capture; nothing may be left open in any layer.
    mutating func finish() {
        flows.finishCapture(time: lastTime, packet: lastPacket)
        require(flows.openFlows == 0 && flows.sink.openFlows == 0, "flows are left open")
        require(flows.sink.inner.sink.openExchanges == 0, "exchanges are left open")
        require(flows.sink.inner.sink.inner.openExchanges == 0, "exchanges are left in the dialects")
        require(flows.sink.inner.sink.inner.sink.unused == 0, "transfers are left without an event")
    }
}

nonisolated(unsafe) private let file = ScratchFile()

// A capture file of any bytes through all parsers: frames, flows, exchanges, object events, with every promise between
// two layers checked.
fuzz { start, count in
    file.fill(start, count)
    guard var stream = try? CaptureStream(paths: [file.path]) else { return 0 }
    var frontEnd = FrontEnd()
    while stream.run(into: &frontEnd, atMost: 1_024) {}
    frontEnd.finish()
    return 0
}
