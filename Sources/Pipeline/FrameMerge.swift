internal import Capture
internal import Packets
internal import Synchronization

/// The frames of all interfaces as one stream of time, for the one front end.
///
/// The two directions of a connection may come by different interfaces, so the earliest frame of all goes first, and a
/// frame waits until every other interface either has a later one or says by its watermark that it has none before.
@safe
struct FrameMerge: ~Copyable {
    /// What a step came to.
    enum Outcome {
        /// Frames went on.
        case moved
        /// Nothing is there now.
        case waiting
        /// Every interface has ended.
        case ended
    }

    private let ports: [TapPort]
    private var cursors: [Cursor]
    /// Frames given out.
    private(set) var frames: UInt64 = 0

    private struct Cursor {
        var chunk: FrameRelay.Chunk?
        var offset = 0
        /// Time of the record at `offset`.
        var time: UInt64 = 0
        var isEnded = false
    }

    init(_ ports: [TapPort]) {
        self.ports = ports
        cursors = ports.map { _ in Cursor() }
    }

    /// All interfaces have given out everything before this time.
    var watermark: UInt64 { ports.reduce(UInt64.max) { min($0, $1.watermark.load(ordering: .acquiring)) } }

    /// Sends what is there to the front end, at most about `count` frames.
    mutating func step<Front: FrontStage & ~Copyable>(into front: inout Front, atMost count: Int) -> Outcome {
        var done = 0
        while done < count {
            var first = -1
            // Nothing later than this may go yet.
            var bound = UInt64.max
            for index in cursors.indices {
                guard refill(index) else {
                    if !cursors[index].isEnded { bound = min(bound, emptyBound(index)) }
                    continue
                }
                if first < 0 || cursors[index].time < cursors[first].time { first = index }
            }
            guard first >= 0 else { return cursors.allSatisfy(\.isEnded) ? .ended : (done > 0 ? .moved : .waiting) }
            for index in cursors.indices where index != first && cursors[index].chunk != nil {
                bound = min(bound, cursors[index].time)
            }
            guard cursors[first].time <= bound else { return done > 0 ? .moved : .waiting }
            done += run(first, through: bound, atMost: count - done, into: &front)
        }
        return .moved
    }

    /// Frames of one interface, up to a time or to the end of its chunk.
    private mutating func run<Front: FrontStage & ~Copyable>(
        _ index: Int, through bound: UInt64, atMost count: Int, into front: inout Front
    ) -> Int {
        guard let chunk = cursors[index].chunk else { return 0 }
        let start = unsafe UnsafeRawPointer(ports[index].relay.address(of: chunk.arena))
        var offset = cursors[index].offset
        var done = 0
        var time = cursors[index].time
        while done < count, time <= bound {
            // Safe: the arena is this consumer's until it is released, and its records were written whole.
            let record = unsafe start + offset
            let captured = unsafe (record + 8).load(as: UInt32.self)
            if unsafe (record + 18).load(as: UInt16.self) == FrameRecord.Kind.loss.rawValue {
                front.note(unsafe FrameRecord.loss(at: record))
            } else {
                frames &+= 1
                let frame = unsafe CapturedFrame(
                    number: frames, time: time, file: UInt32(truncatingIfNeeded: index),
                    linkType: LinkType(rawValue: (record + 16).load(as: UInt16.self)), capturedLength: captured,
                    wireLength: (record + 12).load(as: UInt32.self))
                front.frame(
                    frame, unsafe RawSpan(_unsafeStart: record + FrameRecord.headerBytes, byteCount: Int(captured)))
            }
            done += 1
            offset += FrameRecord.size(content: Int(captured))
            if offset >= chunk.byteCount {
                ports[index].relay.release(chunk)
                cursors[index].chunk = nil
                return done
            }
            time = unsafe (start + offset).load(as: UInt64.self)
        }
        cursors[index].offset = offset
        cursors[index].time = time
        return done
    }

    /// True when the interface has a record at hand.
    private mutating func refill(_ index: Int) -> Bool {
        if cursors[index].chunk != nil { return true }
        if cursors[index].isEnded { return false }
        let relay = ports[index].relay
        guard let chunk = relay.take() else {
            if relay.isDrained { cursors[index].isEnded = true }
            return false
        }
        cursors[index].chunk = chunk
        cursors[index].offset = 0
        cursors[index].time = unsafe relay.address(of: chunk.arena).load(as: UInt64.self)
        return true
    }

    /// Up to when an interface without a record at hand is known to have none. Its watermark counts only if it was read
    /// before the relay was found empty.
    private mutating func emptyBound(_ index: Int) -> UInt64 {
        let mark = ports[index].watermark.load(ordering: .acquiring)
        if refill(index) { return cursors[index].time }
        return cursors[index].isEnded ? .max : mark
    }
}
