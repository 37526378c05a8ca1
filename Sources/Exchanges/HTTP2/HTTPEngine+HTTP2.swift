import Flows
import Objects

extension HTTPEngine where Sink: ~Copyable {
    /// Gives a flow that turned out to be HTTP/2 a connection, with what was kept of it and what is at hand.
    mutating func beginFrames(_ slot: Int, _ bytes: RawSpan, _ position: Int, _ run: Run) {
        flows[slot].isHandedOver = false
        let flow = flows[slot]
        let isUpgrade = flow.openCount > 0
        let isPreface =
            !isUpgrade
            && (flow.isAligned || bytes.octet(position) == UInt8(ascii: "P") || !flow[flow.clientHalf].partial.isEmpty)
        let kept = (flow.initiator.partial, flow.responder.partial)
        flows[slot].initiator.dropPartial(&desk)
        flows[slot].responder.dropPartial(&desk)
        var connection = HTTP2Connection(
            flow.handle, clientHalf: flow.clientHalf, rolesKnown: isUpgrade || isPreface, isWhole: flow.isAligned,
            next: (flow.initiator.next - UInt64(kept.0.count), flow.responder.next - UInt64(kept.1.count)), &desk)
        guard connection != nil else {
            flows[slot].opaque = nil
            flows[slot].becomeOpaque(.http2, run.context, &sink, &desk)
            desk.counters[opaque: .http2].bytes += UInt64(kept.0.count + kept.1.count + bytes.byteCount - position)
            return
        }
        if isUpgrade || isPreface { connection?.expectPreface() } else { connection?.beginInMiddle(run.half) }
        connection?.initiator.hasBegun = flow.isAligned || flow.initiator.hasBegun
        connection?.responder.hasBegun = flow.isAligned || flow.responder.hasBegun
        if isUpgrade {
            connection?.adopt(flow.oldest)
            // Its settings were in a field (RFC 7540 §3.2.1) that is not read.
            connection?.allowTable(flow.serverHalf, desk.limits.headerTableBytes, &desk)
            flows[slot].removeOldest()
        }
        let index = freeConnections.popLast() ?? Int32(connections.count)
        if index == connections.count { connections.append(connection) } else { connections[Int(index)] = connection }
        flows[slot].connection = index
        for (half, bytes) in [(HalfConnection.fromInitiator, kept.0), (.fromResponder, kept.1)] where !bytes.isEmpty {
            let offset = flow[half].next - UInt64(bytes.count)
            receiveFrames(
                slot, unsafe bytes.span.bytes,
                Run(half: half, offset: offset, isSegmentStart: false, context: run.context))
        }
        guard position < bytes.byteCount else { return }
        let rest = Run(
            half: run.half, offset: run.offset(of: position), isSegmentStart: run.isSegmentStart(at: position),
            context: run.context)
        receiveFrames(slot, bytes.extracting(position..<bytes.byteCount), rest)
    }

    /// Takes ordered bytes of an HTTP/2 connection.
    mutating func receiveFrames(_ slot: Int, _ bytes: RawSpan, _ run: Run) {
        let index = Int(flows[slot].connection)
        guard index >= 0 else {
            desk.counters[opaque: .http2].bytes += UInt64(bytes.byteCount)
            return
        }
        if connections[index]?.receive(bytes, run, &sink, &desk) == false { forget(slot) }
    }

    /// Takes a gap in an HTTP/2 connection.
    mutating func missFrames(
        _ slot: Int, _ half: HalfConnection, at offset: UInt64, length: UInt64, _ cause: GapCause,
        _ context: SegmentContext
    ) {
        let index = Int(flows[slot].connection)
        connections[index]?.miss(half, at: offset, length: length, cause: cause, context, &sink, &desk)
        if connections[index]?.givenUp != nil { forget(slot) }
    }

    /// Takes a gap of unknown length.
    mutating func missUnknownFrames(
        _ slot: Int, _ half: HalfConnection, next: UInt64, _ cause: GapCause, _ context: SegmentContext
    ) {
        connections[Int(flows[slot].connection)]?.missUnknown(half, next: next, cause: cause, context, &sink, &desk)
    }

    /// Takes the end of a half-connection of an HTTP/2 connection.
    mutating func finishFrames(_ slot: Int, _ half: HalfConnection, _ reason: StreamEnd, _ context: SegmentContext) {
        connections[Int(flows[slot].connection)]?.finish(half, reason, context, &sink, &desk)
    }

    /// Takes the end of an HTTP/2 connection.
    mutating func closeFrames(_ slot: Int, _ context: SegmentContext) {
        let index = flows[slot].connection
        connections[Int(index)]?.close(context, &sink, &desk)
        connections[Int(index)] = nil
        freeConnections.append(index)
        flows[slot].connection = -1
    }

    /// Passes a connection over from here on. One that never had a request is counted with all of its bytes.
    private mutating func forget(_ slot: Int) {
        let index = flows[slot].connection
        desk.counters[opaque: .http2].flows += 1
        if let connection = connections[Int(index)], !connection.hasExchanges {
            desk.counters[opaque: .http2].bytes += connection.receivedBytes
        }
        connections[Int(index)]?.release(&desk)
        connections[Int(index)] = nil
        freeConnections.append(index)
        flows[slot].connection = -1
    }
}
