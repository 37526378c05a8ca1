internal import Cleartext
internal import Flows
internal import Packets

/// Writes flows as a pcapng that Wireshark decrypts by itself: secrets in Decryption Secrets Blocks (draft-ietf-opsawg-pcapng
/// §4.6), and behind them the records as packets.
///
/// The packets are made anew from the streams: in order, whole, out of tunnels and fragments, without link headers. So they
/// show what Oxbow read; the peers' own handshake and records are in them byte for byte.
struct PacketExport: ~Copyable {
    private var file: ExportFile
    private var block: [UInt8] = []

    /// Flags of TCP.
    struct Flags: OptionSet {
        var rawValue: UInt8
        static let fin = Flags(rawValue: 0x01)
        static let syn = Flags(rawValue: 0x02)
        static let rst = Flags(rawValue: 0x04)
        static let push = Flags(rawValue: 0x08)
        static let ack = Flags(rawValue: 0x10)
    }

    /// The link type of packets that begin with an IP header.
    private static let linkTypeRaw: UInt32 = 101
    /// Most payload of a packet, so that its length fits into 16 bits.
    private static let payloadMax = 65_000

    /// Writes the file's head.
    init(_ file: consuming ExportFile) {
        self.file = file
        // Section: byte order, version 1.0, length not known.
        writeBlock(0x0A0D_0D0A) { block in
            Self.append(UInt32(0x1A2B_3C4D), to: &block)
            Self.append(UInt32(1), to: &block)
            Self.append(UInt64.max, to: &block)
        }
        // Interface, with times in nanoseconds (if_tsresol 9).
        writeBlock(1) { block in
            Self.append(Self.linkTypeRaw, to: &block)
            Self.append(UInt32(0), to: &block)
            block += [9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]
        }
    }

    /// Why it takes no more.
    var fault: String? { file.fault }

    /// Writes lines of a key log, for the packets behind them.
    mutating func write(secrets lines: [UInt8]) {
        // Room at once, so that no copy of a secret stays behind in a buffer that was outgrown.
        block.reserveCapacity(lines.count + 64)
        writeBlock(10) { block in
            Self.append(UInt32(0x544C_534B), to: &block)
            Self.append(UInt32(lines.count), to: &block)
            block += lines
        }
        SecretBytes.wipe(&block)
    }

    /// Writes the three packets that open a connection.
    mutating func writeOpening(_ flow: ExportedFlow, _ time: UInt64) {
        writePacket(flow, .fromInitiator, RawSpan(), sequence: 0, acknowledges: 0, .syn, time)
        writePacket(flow, .fromResponder, RawSpan(), sequence: 0, acknowledges: 1, [.syn, .ack], time)
        writePacket(flow, .fromInitiator, RawSpan(), sequence: 1, acknowledges: 1, .ack, time)
    }

    /// Writes bytes of a half.
    mutating func write(
        _ flow: inout ExportedFlow, _ half: HalfConnection, _ bytes: RawSpan, at offset: UInt64,
        _ context: SegmentContext, flags: Flags = .push
    ) {
        let (own, other) = half == .fromInitiator ? (0, 1) : (1, 0)
        let acknowledged = max(flow.written[other], context.acknowledged ?? 0)
        var position = 0
        repeat {
            let end = min(bytes.byteCount, position + Self.payloadMax)
            // The SYN counts as one.
            writePacket(
                flow, half, bytes.extracting(position..<end), sequence: offset &+ UInt64(position) &+ 1,
                acknowledges: acknowledged &+ 1, flags.union(.ack), context.time)
            position = end
        } while position < bytes.byteCount
        flow.written[own] = max(flow.written[own], offset &+ UInt64(bytes.byteCount))
    }

    // MARK: Packets

    private mutating func writePacket(
        _ flow: ExportedFlow, _ half: HalfConnection, _ payload: RawSpan, sequence: UInt64, acknowledges: UInt64,
        _ flags: Flags, _ time: UInt64
    ) {
        let isForward = half == .fromInitiator
        let source = isForward ? flow.initiator : flow.responder
        let target = isForward ? flow.responder : flow.initiator
        let headBytes = (source.isIPv4 ? 20 : 40) + 20
        let count = headBytes + payload.byteCount
        writeBlock(6) { block in
            Self.append(UInt32(0), to: &block)
            Self.append(UInt32(truncatingIfNeeded: time >> 32), to: &block)
            Self.append(UInt32(truncatingIfNeeded: time), to: &block)
            Self.append(UInt32(count), to: &block)
            Self.append(UInt32(count), to: &block)
            let start = block.count
            Self.appendInternetHeader(source, target, payloadBytes: 20 + payload.byteCount, to: &block)
            Self.appendNetwork16(isForward ? flow.initiatorPort : flow.responderPort, to: &block)
            Self.appendNetwork16(isForward ? flow.responderPort : flow.initiatorPort, to: &block)
            Self.appendNetwork32(UInt32(truncatingIfNeeded: sequence), to: &block)
            Self.appendNetwork32(flags.contains(.ack) ? UInt32(truncatingIfNeeded: acknowledges) : 0, to: &block)
            // Twenty bytes of header, the widest window; the checksum is set below.
            block += [0x50, flags.rawValue, 0xFF, 0xFF, 0, 0, 0, 0]
            unsafe payload.withUnsafeBytes { unsafe block.append(contentsOf: $0) }
            let segment = start + headBytes - 20
            let sum = Self.sum(block, segment..<block.count) + Self.sum(block, Self.addresses(source, start))
            Self.setChecksum(sum + 6 + UInt64(20 + payload.byteCount), at: segment + 16, in: &block)
        }
    }

    private static func addresses(_ source: IPAddress, _ start: Int) -> Range<Int> {
        source.isIPv4 ? start + 12..<start + 20 : start + 8..<start + 40
    }

    private static func appendInternetHeader(
        _ source: IPAddress, _ target: IPAddress, payloadBytes: Int, to block: inout [UInt8]
    ) {
        let start = block.count
        guard source.isIPv4 else {
            block += [0x60, 0, 0, 0]
            appendNetwork16(UInt16(truncatingIfNeeded: payloadBytes), to: &block)
            block += [6, 64]
            for word in [source.high, source.low, target.high, target.low] {
                appendNetwork32(UInt32(truncatingIfNeeded: word >> 32), to: &block)
                appendNetwork32(UInt32(truncatingIfNeeded: word), to: &block)
            }
            return
        }
        block += [0x45, 0]
        appendNetwork16(UInt16(truncatingIfNeeded: 20 + payloadBytes), to: &block)
        // No identification, not to be fragmented, 64 hops, TCP.
        block += [0, 0, 0x40, 0, 64, 6, 0, 0]
        appendNetwork32(UInt32(truncatingIfNeeded: source.low), to: &block)
        appendNetwork32(UInt32(truncatingIfNeeded: target.low), to: &block)
        setChecksum(sum(block, start..<start + 20), at: start + 10, in: &block)
    }

    /// RFC 1071.
    private static func sum(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
        var sum: UInt64 = 0
        for index in range { sum += UInt64(bytes[index]) << ((index - range.lowerBound) & 1 == 0 ? 8 : 0) }
        return sum
    }

    private static func setChecksum(_ sum: UInt64, at offset: Int, in block: inout [UInt8]) {
        var sum = sum
        while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
        block[offset] = UInt8(truncatingIfNeeded: ~sum >> 8)
        block[offset + 1] = UInt8(truncatingIfNeeded: ~sum)
    }

    // MARK: Blocks

    /// Writes a block: type, length, body, padding, length again.
    private mutating func writeBlock(_ type: UInt32, _ body: (inout [UInt8]) -> Void) {
        block.removeAll(keepingCapacity: true)
        Self.append(type, to: &block)
        Self.append(UInt32(0), to: &block)
        body(&block)
        while block.count & 3 != 0 { block.append(0) }
        let length = UInt32(block.count + 4)
        Self.append(length, to: &block)
        for index in 0..<4 { block[4 + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index)) }
        file.write(block)
    }

    private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        for shift in 0..<4 as Range<UInt32> { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * shift))) }
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        append(UInt32(truncatingIfNeeded: value), to: &bytes)
        append(UInt32(truncatingIfNeeded: value >> 32), to: &bytes)
    }

    private static func appendNetwork16(_ value: UInt16, to bytes: inout [UInt8]) {
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    private static func appendNetwork32(_ value: UInt32, to bytes: inout [UInt8]) {
        appendNetwork16(UInt16(truncatingIfNeeded: value >> 16), to: &bytes)
        appendNetwork16(UInt16(truncatingIfNeeded: value), to: &bytes)
    }
}
