/// The types of frames (RFC 9113 §6).
enum FrameType {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let priority: UInt8 = 2
    static let resetStream: UInt8 = 3
    static let settings: UInt8 = 4
    static let pushPromise: UInt8 = 5
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
}

/// A frame's header (RFC 9113 §4.1).
struct FrameHeader {
    /// Bytes of a header.
    static let byteCount = 9
    /// What any receiver takes unless it announced more (RFC 9113 §4.2).
    static let lengthDefault = 16_384
    /// The most that can be announced.
    static let lengthMax = 16_777_215

    /// Bytes of the payload.
    var length = 0
    /// One of ``FrameType``, or an extension's.
    var type: UInt8 = 0
    /// What they mean depends on the type.
    var flags: UInt8 = 0
    /// The stream without the reserved bit; 0 for the connection.
    var stream: UInt32 = 0
    /// The bit that senders leave unset.
    var isReservedBitSet = false

    init() {}

    /// The header in the nine bytes that `octet` gives.
    @inline(__always)
    init(_ octet: (Int) -> UInt8) {
        length = Int(octet(0)) << 16 | Int(octet(1)) << 8 | Int(octet(2))
        type = octet(3)
        flags = octet(4)
        let word = UInt32(octet(5)) << 24 | UInt32(octet(6)) << 16 | UInt32(octet(7)) << 8 | UInt32(octet(8))
        stream = word & 0x7FFF_FFFF
        isReservedBitSet = word >> 31 == 1
    }

    /// END_STREAM of DATA and HEADERS; ACK of SETTINGS and PING.
    var isEndStream: Bool { flags & 0x1 != 0 }
    /// ACK of SETTINGS.
    var isAcknowledgement: Bool { flags & 0x1 != 0 }
    /// END_HEADERS of HEADERS, PUSH_PROMISE and CONTINUATION.
    var isEndHeaders: Bool { flags & 0x4 != 0 }
    /// PADDED of DATA, HEADERS and PUSH_PROMISE.
    var isPadded: Bool { flags & 0x8 != 0 }
    /// PRIORITY of HEADERS.
    var hasPriority: Bool { flags & 0x20 != 0 }

    /// True when a header block, or a part of one, is the payload.
    var holdsHeaders: Bool {
        type == FrameType.headers || type == FrameType.pushPromise || type == FrameType.continuation
    }

    /// True when the bytes are nothing but whole SETTINGS, PING and WINDOW_UPDATE frames. By such a segment a connection
    /// gives itself away that is older than the capture: whoever receives a body sends them again and again.
    static func areControlFrames(_ bytes: RawSpan) -> Bool {
        var place = 0
        while bytes.byteCount - place >= byteCount {
            let start = place
            let header = FrameHeader { bytes.octet(start + $0) }
            switch header.type {
            case FrameType.settings, FrameType.ping, FrameType.windowUpdate: break
            default: return false
            }
            guard header.isPlausible(lengthMax: lengthDefault, streamMax: .max) else { return false }
            place += byteCount + header.length
        }
        return place == bytes.byteCount && place > 0
    }

    /// True when a receiver does not have to end the connection over stream and length (RFC 9113 §4.2, §6). Frames of
    /// other types are legal whatever they hold (§4.1).
    func isLegal(lengthMax: Int) -> Bool {
        guard length <= lengthMax else { return false }
        switch type {
        case FrameType.data, FrameType.headers, FrameType.priority, FrameType.pushPromise, FrameType.continuation:
            return stream != 0
        case FrameType.resetStream: return stream != 0 && length == 4
        case FrameType.settings: return stream == 0 && length % 6 == 0 && (!isAcknowledgement || length == 0)
        case FrameType.ping: return stream == 0 && length == 8
        case FrameType.goAway: return stream == 0 && length >= 8
        case FrameType.windowUpdate: return length == 4
        default: return true
        }
    }

    /// True when a careful sender could have written this header: the test for places where payload may stand as well.
    func isPlausible(lengthMax: Int, streamMax: UInt32) -> Bool {
        guard isLegal(lengthMax: lengthMax), !isReservedBitSet, stream == 0 || stream & 1 == 1, stream <= streamMax
        else { return false }
        let flagsAllowed: UInt8
        switch type {
        case FrameType.data: flagsAllowed = 0x9
        case FrameType.headers: flagsAllowed = 0x2D
        case FrameType.priority:
            guard length == 5 else { return false }
            flagsAllowed = 0
        case FrameType.settings:
            // More settings than anyone has defined.
            guard length <= 6 * 32 else { return false }
            flagsAllowed = 0x1
        case FrameType.ping: flagsAllowed = 0x1
        case FrameType.pushPromise: flagsAllowed = 0xC
        case FrameType.continuation: flagsAllowed = 0x4
        case FrameType.resetStream, FrameType.goAway, FrameType.windowUpdate: flagsAllowed = 0
        // ALTSVC, ORIGIN and PRIORITY_UPDATE (RFC 7838, 8336, 9218).
        case 0xA, 0xC, 0x10: flagsAllowed = 0
        default: return false
        }
        let paddingMin = isPadded && type != FrameType.continuation && holdsHeaders || type == 0 && isPadded ? 1 : 0
        return flags & ~flagsAllowed == 0 && length >= paddingMin
    }
}
