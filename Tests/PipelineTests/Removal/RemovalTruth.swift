import Exchanges
import Flows
import HTTPTypes
import Packets

/// Which packets of a capture carried what of which exchange, worked out from the capture itself: sequence numbers, the
/// lengths in the records' headers, and frame headers, none of them read by the code that is tested.
struct RemovalTruth {
    /// A direction of a connection.
    struct Direction: Hashable {
        var source: String
        var sourcePort: UInt16
        var targetPort: UInt16
    }

    /// What the loss of some packets does to an exchange.
    enum Harm: Int, Comparable {
        case none
        /// It may be lost or not: none of its own bytes are, but some on which reading them depends.
        case open
        case touched

        static func < (one: Harm, other: Harm) -> Bool { one.rawValue < other.rawValue }
    }

    /// A part of an exchange: a range of the bytes that TCP carried.
    private struct Part {
        var direction: Direction
        var range: Range<Int>
        var exchange: Int
        /// What losing it does: what ends a message whose length is stated may be missed without harm.
        var harm = Harm.touched
    }

    /// The headers of frames, by connection: between two that are known, frames may be missing.
    private struct FrameStart {
        var direction: Direction
        var range: Range<Int>
        var flow: UInt64
    }

    let exchanges: [HeardExchanges.Exchange]
    private var segments: [(packet: UInt64, direction: Direction, range: Range<Int>)] = []
    private var parts: [Part] = []
    /// Bytes without which nothing of a connection can be read for certain.
    private var keystones: [(direction: Direction, range: Range<Int>)] = []
    /// Header blocks of HTTP/2: those that come later in the same direction may refer to them.
    private var blocks: [(direction: Direction, range: Range<Int>)] = []
    private var frames: [FrameStart] = []
    /// Connections of HTTP/2 in which trailers are announced: a lost frame may hold a header block.
    private var announcing: Set<UInt64> = []
    /// Streams of HTTP/2 by flow, in the order in which the client opened them.
    private var streams: [UInt64: [Int]] = [:]
    /// For each exchange, its flow's client side.
    private var clients: [Direction] = []

    init(_ capture: CapturedPlay) {
        let heard = capture.play()
        exchanges = heard.exchanges
        var firsts: [Direction: SequenceNumber] = [:]
        var carried: [Direction: [UInt8]] = [:]
        for packet in capture.packets {
            let header = packet.header
            let direction = Direction(
                source: "\(header.source)", sourcePort: header.sourcePort, targetPort: header.destinationPort)
            if header.flags.contains(.syn) { firsts[direction] = header.sequence.advanced(by: 1) }
            guard header.payloadLength > 0, let first = firsts[direction] else { continue }
            let start = first.distance(to: header.sequence)
            let payload = packet.bytes[header.payloadRange]
            segments.append((packet.number, direction, start..<start + payload.count))
            var stream = carried[direction] ?? []
            if stream.count < start + payload.count {
                stream += [UInt8](repeating: 0, count: start + payload.count - stream.count)
            }
            stream.replaceSubrange(start..<start + payload.count, with: payload)
            carried[direction] = stream
        }
        for exchange in exchanges {
            guard let description = heard.descriptions[exchange.flow] else { continue }
            clients.append(
                Direction(
                    source: description.initiatorAddress, sourcePort: description.initiatorPort,
                    targetPort: description.responderPort))
        }
        for (number, description) in heard.descriptions {
            let client = Direction(
                source: description.initiatorAddress, sourcePort: description.initiatorPort,
                targetPort: description.responderPort)
            let server = Direction(
                source: description.responderAddress, sourcePort: description.responderPort,
                targetPort: description.initiatorPort)
            // The client's half first: it says which stream is which exchange.
            for (half, direction) in [(HalfConnection.fromInitiator, client), (.fromResponder, server)] {
                let calls = heard.calls.indices.filter {
                    heard.calls[$0].flow == number && heard.calls[$0].half == half
                }
                read(carried[direction] ?? [], direction, half, calls, heard)
            }
        }
    }

    // MARK: What carried what

    private mutating func read(
        _ stream: [UInt8], _ direction: Direction, _ half: HalfConnection, _ calls: [Int], _ heard: HeardExchanges
    ) {
        let isSecure = stream.count > 2 && (20...23).contains(stream[0]) && stream[1] == 3
        /// Where the bytes of the cleartext were carried.
        var carriers: [(clear: Range<Int>, carried: Range<Int>, call: Int)] = []
        if isSecure {
            var start = 0
            var pending = calls[...]
            while start + 5 <= stream.count {
                let end = start + 5 + (Int(stream[start + 3]) << 8 | Int(stream[start + 4]))
                if stream[start] == 22, stream[start + 5] < 3 { keystones.append((direction, start..<end)) }
                if let call = pending.first, stream[start] == 23 {
                    let clear = heard.calls[call].range
                    // What protection adds: 22 bytes in TLS 1.3; 29, or 21 with ChaCha20, in TLS 1.2, header included.
                    let added = end - start - clear.count
                    let last = segments.filter { $0.direction == direction && $0.range.upperBound >= end }
                        .map(\.packet).min()
                    if [21, 22, 29].contains(added), let last, last <= heard.calls[call].packet {
                        carriers.append((Int(clear.lowerBound)..<Int(clear.upperBound), start..<end, call))
                        pending = pending.dropFirst()
                    }
                }
                start = end
            }
            precondition(pending.isEmpty, "records of \(direction) are not found: \(pending.count) of \(calls.count)")
        } else {
            carriers = calls.map { call in
                let range = heard.calls[call].range
                let both = Int(range.lowerBound)..<Int(range.upperBound)
                return (both, both, call)
            }
        }
        let clear = carriers.flatMap { heard.calls[$0.call].bytes }
        let preface = Array("PRI * HTTP/2.0".utf8)
        let flow = calls.first.map { heard.calls[$0].flow }
        let isSecond =
            half == .fromInitiator
            ? clear.starts(with: preface)
            : heard.calls.contains {
                $0.flow == flow && $0.half == .fromInitiator && $0.offset == 0 && $0.bytes.starts(with: preface)
            }
        guard isSecond else { return attribute(carriers, direction, half, heard) }
        readFrames(clear, carriers.map { ($0.clear, $0.carried) }, direction, half, flow ?? 0, heard)
    }

    /// HTTP/1.1: a record belongs to the exchange that was told of it, or, without one, to the next.
    private mutating func attribute(
        _ carriers: [(clear: Range<Int>, carried: Range<Int>, call: Int)], _ direction: Direction,
        _ half: HalfConnection, _ heard: HeardExchanges
    ) {
        var told: [Int: [Int]] = [:]
        for (number, exchange) in exchanges.enumerated() {
            let body = half == .fromInitiator ? exchange.request : exchange.response
            for call in Set(body.calls) where heard.calls[call].half == half { told[call, default: []].append(number) }
        }
        for (index, carrier) in carriers.enumerated() {
            if heard.calls[carrier.call].bytes.starts(with: Array("HTTP/1.1 100".utf8)) { continue }
            let next = carriers[index...].lazy.compactMap { told[$0.call] }.first ?? []
            for exchange in next {
                parts.append(Part(direction: direction, range: carrier.carried, exchange: exchange))
            }
        }
    }

    /// HTTP/2: frames belong to streams, and streams to exchanges in the order in which the client opened them.
    private mutating func readFrames(
        _ clear: [UInt8], _ carriers: [(clear: Range<Int>, carried: Range<Int>)], _ direction: Direction,
        _ half: HalfConnection, _ flow: UInt64, _ heard: HeardExchanges
    ) {
        let order = exchanges.indices.filter { exchanges[$0].flow == flow }
        var begun: Set<Int> = []
        if order.contains(where: { announces($0) }) { announcing.insert(flow) }
        var place = half == .fromInitiator ? 24 : 0
        if half == .fromInitiator { keystones += carried(0..<24, carriers).map { (direction, $0) } }
        while place + 9 <= clear.count {
            let length = Int(clear[place]) << 16 | Int(clear[place + 1]) << 8 | Int(clear[place + 2])
            let type = clear[place + 3]
            let stream = clear[place + 5..<place + 9].reduce(0) { $0 << 8 | Int($1) } & 0x7FFF_FFFF
            let ranges = carried(place..<min(place + 9 + length, clear.count), carriers)
            frames += carried(place..<min(place + 9, clear.count), carriers).map {
                FrameStart(direction: direction, range: $0, flow: flow)
            }
            if type == 4, clear[place + 4] & 1 == 0 { keystones += ranges.map { (direction, $0) } }
            if type == 1, half == .fromInitiator, !streams[flow, default: []].contains(stream) {
                streams[flow, default: []].append(stream)
            }
            if type == 1 || type == 9 { blocks += ranges.map { (direction, $0) } }
            if [0, 1, 3, 9].contains(type), let index = streams[flow]?.firstIndex(of: stream), index < order.count {
                let isFirst = begun.insert(stream).inserted
                let isEnd = type == 3 || type == 0 && length == 0 || type == 1 && !isFirst
                parts += ranges.map {
                    Part(
                        direction: direction, range: $0, exchange: order[index],
                        harm: isEnd && isStated(order[index], half) ? .open : .touched)
                }
            }
            place += 9 + length
        }
    }

    /// True when the message's length is known from its head.
    private func isStated(_ exchange: Int, _ half: HalfConnection) -> Bool {
        let exchange = exchanges[exchange]
        guard half == .fromResponder else { return exchange.head.fields[.contentLength] != nil }
        return exchange.responseFields[.contentLength] != nil || exchange.response.bytes.isEmpty
    }

    private func announces(_ exchange: Int) -> Bool {
        [exchanges[exchange].head.fields, exchanges[exchange].responseFields].contains {
            $0[.te] != nil || $0[.trailer] != nil
        }
    }

    private func carried(_ range: Range<Int>, _ carriers: [(clear: Range<Int>, carried: Range<Int>)]) -> [Range<Int>] {
        carriers.filter { $0.clear.overlaps(range) }.map { carrier in
            guard carrier.clear == carrier.carried else { return carrier.carried }
            return max(range.lowerBound, carrier.carried.lowerBound)..<min(range.upperBound, carrier.carried.upperBound)
        }
    }

    // MARK: What a loss does

    /// The packets that carry payload.
    var loaded: [UInt64] { segments.map(\.packet) }

    /// What the loss of these packets does to each exchange. What was sent twice is lost when both were.
    func harm(_ lost: Set<UInt64>) -> [Harm] {
        var gone: [Direction: [Range<Int>]] = [:]
        for segment in segments where lost.contains(segment.packet) {
            var left = [segment.range]
            for other in segments where other.direction == segment.direction && !lost.contains(other.packet) {
                guard other.range.overlaps(segment.range) else { continue }
                left = left.flatMap { range -> [Range<Int>] in
                    [
                        range.lowerBound..<max(range.lowerBound, min(range.upperBound, other.range.lowerBound)),
                        min(range.upperBound, max(range.lowerBound, other.range.upperBound))..<range.upperBound,
                    ].filter { !$0.isEmpty }
                }
            }
            gone[segment.direction, default: []] += left
        }
        func isGone(_ direction: Direction, _ range: Range<Int>) -> Bool {
            gone[direction]?.contains { $0.overlaps(range) } ?? false
        }
        var harms = [Harm](repeating: .none, count: exchanges.count)
        for part in parts where isGone(part.direction, part.range) {
            harms[part.exchange] = max(harms[part.exchange], part.harm)
        }
        let lostFrames = frames.filter { isGone($0.direction, $0.range) }
        let lostKeystones = keystones.filter { isGone($0.direction, $0.range) }.map(\.direction)
        let lostBlocks = blocks.filter { isGone($0.direction, $0.range) }
        for (index, client) in clients.enumerated() where harms[index] == .none {
            let isOfFlow = { (direction: Direction) in
                direction == client
                    || direction.sourcePort == client.targetPort && direction.targetPort == client.sourcePort
            }
            // Where a frame's header is lost, its frame may have been of any stream: only a stated length tells that a body
            // under way lacks nothing, and only what was announced that no header block was lost.
            for frame in lostFrames where isOfFlow(frame.direction) {
                let own = parts.filter { $0.exchange == index && $0.direction == frame.direction }
                let half: HalfConnection = frame.direction == client ? .fromInitiator : .fromResponder
                let isBehind = own.contains { $0.range.upperBound > frame.range.lowerBound }
                let isBefore = own.contains { $0.range.lowerBound < frame.range.lowerBound }
                if isBehind, isBefore, !isStated(index, half) { harms[index] = .open }
                if isBehind, announcing.contains(frame.flow) { harms[index] = .open }
            }
            if lostKeystones.contains(where: isOfFlow) { harms[index] = .open }
            // Its own header blocks come behind a lost one of their direction.
            for block in lostBlocks where isOfFlow(block.direction) {
                let behind = parts.contains {
                    $0.exchange == index && $0.direction == block.direction
                        && $0.range.lowerBound >= block.range.lowerBound
                }
                if behind { harms[index] = .open }
            }
        }
        return harms
    }
}
