import Exchanges
import Flows
import NIOCore
import NIOHPACK
import Objects

/// A scripted conversation of HTTP/2: frames, and header blocks of a real encoder.
struct HTTP2Script {
    /// Where the frames of a message lie in its half-connection.
    struct Frame {
        var half: HalfConnection
        var type: UInt8
        var stream: UInt32
        /// Header and payload.
        var range: Range<UInt64>
    }

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    var talk: Conversation
    var frames: [Frame] = []
    private var encoders = [
        HPACKEncoder(allocator: ByteBufferAllocator()), HPACKEncoder(allocator: ByteBufferAllocator()),
    ]

    /// A connection with the preface and both SETTINGS sent.
    init(segmentBytes: Int = 1_448, preface: Bool = true) {
        talk = Conversation(segmentBytes: segmentBytes)
        guard preface else { return }
        talk.send(.fromInitiator, Self.preface)
        settings(.fromInitiator)
        settings(.fromResponder)
    }

    static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let length = octets(UInt32(payload.count)).dropFirst()
        var frame = Array(length)
        frame += [type, flags]
        frame += octets(stream)
        return frame + payload
    }

    static func octets(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }

    mutating func send(
        _ half: HalfConnection, _ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8] = []
    ) {
        let start = talk.sent(by: half)
        talk.send(half, Self.frame(type, flags, stream, payload))
        frames.append(Frame(half: half, type: type, stream: stream, range: start..<talk.sent(by: half)))
    }

    mutating func settings(_ half: HalfConnection, _ values: [(UInt16, UInt32)] = []) {
        let payload = values.flatMap { name, value in Self.octets(UInt32(name)).suffix(2) + Self.octets(value) }
        send(half, 4, 0, 0, payload)
    }

    mutating func block(_ half: HalfConnection, _ fields: [(String, String)]) -> [UInt8] {
        var buffer = ByteBuffer()
        try? encoders[Int(half.rawValue)].encode(headers: HPACKHeaders(fields), to: &buffer)
        return Array(buffer.readableBytesView)
    }

    /// HEADERS, in frames of at most so many bytes.
    mutating func headers(
        _ half: HalfConnection, _ stream: UInt32, _ fields: [(String, String)], ends: Bool = false,
        by size: Int = 16_384
    ) {
        var rest = block(half, fields)[...]
        var type: UInt8 = 1
        repeat {
            let part = rest.prefix(size)
            rest = rest.dropFirst(size)
            let flags: UInt8 = (rest.isEmpty ? 4 : 0) | (type == 1 && ends ? 1 : 0)
            send(half, type, flags, stream, Array(part))
            type = 9
        } while !rest.isEmpty
    }

    mutating func request(
        _ stream: UInt32, _ method: String, _ path: String, _ fields: [(String, String)] = [], ends: Bool = false,
        by size: Int = 16_384
    ) {
        headers(
            .fromInitiator, stream,
            [(":method", method), (":scheme", "http"), (":path", path), (":authority", "H.example:80")] + fields,
            ends: ends, by: size)
    }

    mutating func response(
        _ stream: UInt32, _ path: String, _ fields: [(String, String)] = [], status: String = "200", ends: Bool = false
    ) {
        headers(.fromResponder, stream, [(":status", status), ("x-answers", path)] + fields, ends: ends)
    }

    /// DATA in frames of at most so many bytes.
    mutating func data(
        _ half: HalfConnection, _ stream: UInt32, _ bytes: [UInt8], ends: Bool = true, by size: Int = 16_384,
        padding: Int? = nil
    ) {
        var rest = bytes[...]
        repeat {
            let part = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            let end: UInt8 = rest.isEmpty && ends ? 1 : 0
            if let padding {
                send(half, 0, 8 | end, stream, [UInt8(padding)] + part + [UInt8](repeating: 0, count: padding))
            } else {
                send(half, 0, end, stream, part)
            }
        } while !rest.isEmpty
    }

    /// The frames of a stream.
    func frames(_ half: HalfConnection, _ stream: UInt32, _ type: UInt8) -> [Frame] {
        frames.filter { $0.half == half && $0.stream == stream && $0.type == type }
    }
}

/// Bytes that tell their place.
func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ seed &* 7 | 1) }
}
