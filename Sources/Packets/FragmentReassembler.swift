/// Puts fragmented datagrams together, within ``FragmentLimits``.
///
/// Fragments may come in any order and more than once. Time is capture time, and only moves forward. A datagram that is
/// given up takes its fragments with it, each of which is counted by the reason; so every frame that was kept ends either
/// in a datagram or in ``lost``.
struct FragmentReassembler: ~Copyable {
    /// What became of a fragment.
    enum Outcome {
        /// Kept, or taken for a datagram that another fragment will complete.
        case held
        /// Its datagram is whole, and was put into the buffer.
        case finished
        case dropped(FrameFault)
    }

    /// Earlier fragments that were kept in vain.
    private(set) var lost = FrameFaultCounts()
    /// Datagrams put together.
    private(set) var datagramsFinished: UInt64 = 0
    /// Fragments in them.
    private(set) var fragmentsUsed: UInt64 = 0
    /// Fragments that wait now.
    private(set) var fragmentsWaiting: UInt64 = 0
    /// Bytes of memory for datagrams that are open now.
    private(set) var bytesHeld = 0

    private let limits: FragmentLimits
    private var places: [FragmentKey: Int32] = [:]
    private var datagrams: [FragmentedDatagram] = []
    /// Places in `datagrams` that are free.
    private var free: [Int32] = []
    /// Open datagrams.
    private var open = Queue()
    /// Finished and refused ones, remembered for their copies and leftovers.
    private var closed = Queue()
    private var now: UInt64 = 0
    /// Fragments of IPv4 so far, by sender and receiver: a receiver counts only what comes to it, a tap sees more.
    private var sent: [Pair: UInt64] = [:]

    private struct Pair: Hashable {
        var source: IPAddress
        var destination: IPAddress
        var tenant: UInt32

        init(_ key: FragmentKey) { (source, destination, tenant) = (key.source, key.destination, key.tenant) }
    }

    /// Identifications of IPv4 come again soon, each connection counting for itself. What waits while its sender sends the
    /// receiver more than this many other fragments is another datagram's: what Linux takes for the limit (`ipfrag_max_dist` in its
    /// ip-sysctl documentation), so that what the receiver put together is put together here.
    private static let distanceMax: UInt64 = 64
    /// Pairs that are counted; then counting begins anew.
    private static let pairsMax = 16_384

    init(limits: FragmentLimits) { self.limits = limits }

    /// Datagrams that are remembered.
    var count: Int { places.count }

    /// Takes a fragment of which every byte was captured. When its datagram is whole, `buffer` holds it afterwards.
    mutating func add(
        _ fragment: Fragment, _ content: borrowing RawSpan, refusal: FrameFault?, time: UInt64,
        into buffer: inout [UInt8]
    ) -> Outcome {
        now = max(now, time)
        expire()
        let number = count(fragment.key)
        if let place = places[fragment.key], number > datagrams[Int(place)].number,
            number - datagrams[Int(place)].number > Self.distanceMax, !datagrams[Int(place)].isFinished
        {
            forget(place, .fragmentIncomplete)
        }
        if let place = places[fragment.key] {
            datagrams[Int(place)].number = number
            switch datagrams[Int(place)].state {
            case .refused(let fault): return .dropped(fault)
            case .finished where datagrams[Int(place)].holdsCopy(of: fragment, content):
                return .dropped(.fragmentDuplicate)
            case .finished: forget(place, .fragmentIncomplete)
            case .open: return grow(place, fragment, content, refusal, &buffer)
            }
        }
        let place = begin(fragment.key)
        datagrams[Int(place)].number = number
        return grow(place, fragment, content, refusal, &buffer)
    }

    /// Counts a fragment of IPv4; 0 for IPv6, whose identifications do not come again so soon.
    private mutating func count(_ key: FragmentKey) -> UInt64 {
        guard key.source.isIPv4 else { return 0 }
        if sent.count >= Self.pairsMax { sent.removeAll(keepingCapacity: true) }
        sent[Pair(key), default: 0] += 1
        return sent[Pair(key), default: 0]
    }

    /// Gives up everything: the capture ended.
    mutating func finish() {
        while open.count > 0 { forget(open.oldest, .fragmentIncomplete) }
        while closed.count > 0 { forget(closed.oldest, .fragmentIncomplete) }
    }

    private mutating func grow(
        _ place: Int32, _ fragment: Fragment, _ content: borrowing RawSpan, _ refusal: FrameFault?,
        _ buffer: inout [UInt8]
    ) -> Outcome {
        if let refusal {
            refuse(place, refusal)
            return .dropped(refusal)
        }
        let before = datagrams[Int(place)].bytes.capacity
        let addition = datagrams[Int(place)].add(fragment, content, partsMax: limits.fragmentsPerDatagramMax)
        bytesHeld &+= datagrams[Int(place)].bytes.capacity &- before
        switch addition {
        case .dropped(let fault):
            if datagrams[Int(place)].parts.isEmpty { forget(place, fault) }
            return .dropped(fault)
        case .spoilt(let fault):
            refuse(place, fault)
            return .dropped(fault)
        case .kept:
            fragmentsWaiting &+= 1
            makeRoom()
            return .held
        case .finished:
            finish(place, &buffer)
            return .finished
        }
    }

    private mutating func finish(_ place: Int32, _ buffer: inout [UInt8]) {
        let parts = UInt64(datagrams[Int(place)].parts.count)
        fragmentsWaiting &-= parts &- 1
        fragmentsUsed &+= parts
        datagramsFinished &+= 1
        bytesHeld &-= datagrams[Int(place)].bytes.capacity
        buffer = datagrams[Int(place)].bytes
        close(place, .finished)
    }

    /// Drops what is held of a datagram, and what is still to come of it.
    private mutating func refuse(_ place: Int32, _ fault: FrameFault) {
        abandon(place, fault)
        datagrams[Int(place)].parts = []
        close(place, .refused(fault))
    }

    private mutating func close(_ place: Int32, _ state: FragmentedDatagram.State) {
        open.remove(place, &datagrams)
        if closed.count >= max(1, limits.datagramsMax) { forget(closed.oldest, .fragmentLimit) }
        datagrams[Int(place)].bytes = []
        datagrams[Int(place)].state = state
        datagrams[Int(place)].since = now
        closed.append(place, &datagrams)
    }

    /// Counts the fragments of an open datagram as lost.
    private mutating func abandon(_ place: Int32, _ fault: FrameFault) {
        let parts = UInt64(datagrams[Int(place)].parts.count)
        lost[fault] &+= parts
        fragmentsWaiting &-= parts
        bytesHeld &-= datagrams[Int(place)].bytes.capacity
    }

    private mutating func expire() {
        while open.count > 0, now &- datagrams[Int(open.oldest)].since > limits.timeoutNanoseconds {
            forget(open.oldest, .fragmentIncomplete)
        }
        while closed.count > 0, now &- datagrams[Int(closed.oldest)].since > limits.duplicateNanoseconds {
            forget(closed.oldest, .fragmentIncomplete)
        }
    }

    private mutating func makeRoom() {
        while bytesHeld > limits.bytesMax, open.count > 0 { forget(open.oldest, .fragmentLimit) }
    }

    private mutating func begin(_ key: FragmentKey) -> Int32 {
        if open.count >= max(1, limits.datagramsMax) { forget(open.oldest, .fragmentLimit) }
        let datagram = FragmentedDatagram(key: key, since: now)
        let place: Int32
        if let reused = free.popLast() {
            place = reused
            datagrams[Int(place)] = datagram
        } else {
            place = Int32(truncatingIfNeeded: datagrams.count)
            datagrams.append(datagram)
        }
        places[key] = place
        open.append(place, &datagrams)
        return place
    }

    private mutating func forget(_ place: Int32, _ fault: FrameFault) {
        if case .open = datagrams[Int(place)].state {
            abandon(place, fault)
            open.remove(place, &datagrams)
        } else {
            closed.remove(place, &datagrams)
        }
        places[datagrams[Int(place)].key] = nil
        datagrams[Int(place)].bytes = []
        datagrams[Int(place)].parts = []
        free.append(place)
    }
}

/// Datagrams in the order in which they entered, linked through themselves.
private struct Queue {
    private(set) var oldest: Int32 = -1
    private(set) var newest: Int32 = -1
    private(set) var count = 0

    mutating func append(_ place: Int32, _ datagrams: inout [FragmentedDatagram]) {
        datagrams[Int(place)].earlier = newest
        datagrams[Int(place)].later = -1
        if newest >= 0 { datagrams[Int(newest)].later = place } else { oldest = place }
        newest = place
        count &+= 1
    }

    mutating func remove(_ place: Int32, _ datagrams: inout [FragmentedDatagram]) {
        let (earlier, later) = (datagrams[Int(place)].earlier, datagrams[Int(place)].later)
        if earlier >= 0 { datagrams[Int(earlier)].later = later } else { oldest = later }
        if later >= 0 { datagrams[Int(later)].earlier = earlier } else { newest = earlier }
        count &-= 1
    }
}
