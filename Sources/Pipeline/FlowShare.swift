internal import Dialects
internal import Glibc
internal import Synchronization

/// How far one of several flow workers is, and what the others told it.
///
/// Alone on its cache lines: it is written for each segment.
private final class FlowPlace: Sendable {
    private let paddingBefore: [8 of UInt64] = [8 of UInt64](repeating: 0)
    let order = Atomic<UInt64>(0)
    private let paddingBehind: [8 of UInt64] = [8 of UInt64](repeating: 0)
    let inbox = Mutex<[(order: UInt64, fact: DialectFact)]>([])
}

/// One worker's share of the flows: its number, its place in the order of all that happens, and the way to the others.
///
/// Everything that makes something happen (a segment, a tick of the clock, a word of the user) has a number that ascends
/// over all workers, given by the dispatcher. A worker states the number at hand before it begins, so whoever needs to
/// know what others learnt before his own number waits until theirs are as high.
final class FlowShare: DialectPeers, Sendable {
    let index: Int
    private let places: [FlowPlace]
    private let own: FlowPlace

    private init(index: Int, places: [FlowPlace]) {
        self.index = index
        self.places = places
        own = places[index]
    }

    /// The shares of so many workers.
    static func all(_ count: Int) -> [FlowShare] {
        let places = (0..<count).map { _ in FlowPlace() }
        return (0..<count).map { FlowShare(index: $0, places: places) }
    }

    /// Number of workers.
    var count: Int { places.count }

    /// The number at hand.
    var order: UInt64 { own.order.load(ordering: .relaxed) }

    /// Begins what has this number: all that is lower is done.
    @inline(__always)
    func begin(_ order: UInt64) { own.order.store(order, ordering: .releasing) }

    func tell(_ fact: DialectFact) {
        let order = self.order
        for (number, place) in places.enumerated() where number != index {
            place.inbox.withLock { $0.append((order, fact)) }
        }
    }

    func news(waits: Bool) -> [DialectFact] {
        let order = self.order
        guard waits else { return take { $0 < order } }
        // No worker waits for one that waits: the lowest number at hand never does, and whoever has nothing at hand was
        // given everything that is lower, or is about to be.
        for (number, place) in places.enumerated() where number != index { Self.await(place, order) }
        return take { $0 < order }
    }

    private func take(_ isMeant: (UInt64) -> Bool) -> [DialectFact] {
        let told = own.inbox.withLock { inbox -> [(order: UInt64, fact: DialectFact)] in
            guard !inbox.isEmpty else { return [] }
            let told = inbox.filter { isMeant($0.order) }
            inbox.removeAll { isMeant($0.order) }
            return told
        }
        return told.sorted { $0.order < $1.order }.map(\.fact)
    }

    /// Waits until a worker has come to a number: mostly a few segments, now and then a batch.
    private static func await(_ place: FlowPlace, _ order: UInt64) {
        var rounds = 0
        while place.order.load(ordering: .acquiring) < order {
            rounds += 1
            if rounds < 64 { continue }
            if rounds < 128 { sched_yield() } else { usleep(50) }
        }
    }
}
