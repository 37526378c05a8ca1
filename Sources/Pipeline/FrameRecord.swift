internal import Capture
internal import Flows
internal import Objects
internal import Packets

/// What a capture thread writes into an arena: records of 24 bytes, their content behind them, padded to eight bytes.
///
/// In memory and in the spool file of one run only: fields are in the machine's order.
///
///     0  time, nanoseconds since 1970 UTC     16  link type          20  bytes of content
///     8  bytes captured                       18  kind: 0 frame, 1 loss
///     12 bytes on the wire
enum FrameRecord {
    static let headerBytes = 24
    static let lossBytes = 40

    /// What stands in an arena.
    enum Kind: UInt16 {
        case frame = 0
        case loss = 1
    }

    /// Room that a record with so much content takes.
    @inline(__always)
    static func size(content: Int) -> Int { headerBytes + (content + 7) & ~7 }

    /// Writes a frame; the caller has made sure of ``size(content:)`` bytes.
    @inline(__always)
    static func write(_ frame: CapturedFrame, _ bytes: RawSpan, to place: UnsafeMutableRawPointer) {
        unsafe writeHeader(
            time: frame.time, captured: frame.capturedLength, wire: frame.wireLength, linkType: frame.linkType,
            kind: .frame, to: place)
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            unsafe (place + headerBytes).copyMemory(from: start, byteCount: source.count)
        }
    }

    /// Writes a loss; the caller has made sure of `size(content: lossBytes)` bytes.
    static func write(_ loss: CaptureLoss, to place: UnsafeMutableRawPointer) {
        unsafe writeHeader(
            time: loss.from, captured: UInt32(lossBytes), wire: UInt32(lossBytes), linkType: .ethernet, kind: .loss,
            to: place)
        let cause = GapCause.allCases.firstIndex(of: loss.cause) ?? 0
        unsafe (place + 24).storeBytes(of: UInt64(cause), as: UInt64.self)
        unsafe (place + 32).storeBytes(of: loss.classes, as: UInt64.self)
        unsafe (place + 40).storeBytes(of: loss.from, as: UInt64.self)
        unsafe (place + 48).storeBytes(of: loss.through, as: UInt64.self)
    }

    /// The loss in a record of that kind.
    static func loss(at place: UnsafeRawPointer) -> CaptureLoss {
        let cause = unsafe Int((place + 24).load(as: UInt64.self))
        return unsafe CaptureLoss(
            cause: GapCause.allCases.indices.contains(cause) ? GapCause.allCases[cause] : .notCaptured,
            classes: (place + 32).load(as: UInt64.self), from: (place + 40).load(as: UInt64.self),
            through: (place + 48).load(as: UInt64.self))
    }

    @inline(__always)
    private static func writeHeader(
        time: UInt64, captured: UInt32, wire: UInt32, linkType: LinkType, kind: Kind,
        to place: UnsafeMutableRawPointer
    ) {
        unsafe place.storeBytes(of: time, as: UInt64.self)
        unsafe (place + 8).storeBytes(of: captured, as: UInt32.self)
        unsafe (place + 12).storeBytes(of: wire, as: UInt32.self)
        unsafe (place + 16).storeBytes(of: linkType.rawValue, as: UInt16.self)
        unsafe (place + 18).storeBytes(of: kind.rawValue, as: UInt16.self)
        unsafe (place + 20).storeBytes(of: 0, as: UInt32.self)
    }
}
