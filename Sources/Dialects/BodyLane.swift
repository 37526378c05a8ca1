/// Where a body's bytes go: the part of an exchange's state that is touched for every slice, kept apart from the heads
/// so that the loop over slices moves plain words only.
struct BodyLane: BitwiseCopyable {
    /// What is done with the bytes.
    enum Route: UInt8 {
        /// They are counted.
        case ignored
        /// They are payload as they come.
        case payload
        /// They are payload inside aws-chunked framing.
        case awsChunked
        /// They are gathered.
        case captured
        /// They are several ranges between boundaries.
        case byteRanges
    }

    /// What is done.
    var route = Route.ignored
    /// True once everything to the payload's end was reported missing.
    var hasLostTail = false
    /// True when the payload's length was announced.
    var isLengthAnnounced = false
    /// The decoder's or capture's place in its slab.
    var place: Int32 = -1
    /// Number of the open transfer; 0 for none.
    var transfer: UInt64 = 0
    /// The announced payload length.
    var announced: UInt64 = 0
    /// Offset in the body after the last byte or gap.
    var position: UInt64 = 0
    /// Bytes received, of the body.
    var bodyBytes: UInt64 = 0
    /// Bytes received, of payload.
    var payloadBytes: UInt64 = 0

    /// Takes a slice that begins where the last ended; gives its route and offset. One call, so that the array of lanes
    /// is checked for uniqueness once a slice.
    @inline(__always)
    mutating func take(_ count: UInt64) -> (route: Route, start: UInt64) {
        let start = position
        position = start &+ count
        bodyBytes &+= count
        if route == .payload { payloadBytes &+= count }
        return (route, start)
    }

    /// The announced payload length; nil when none was.
    var expected: UInt64? { isLengthAnnounced ? announced : nil }
}
