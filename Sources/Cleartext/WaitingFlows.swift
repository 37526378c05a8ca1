import Flows

/// The flows that wait, for a key or for the server's word on 0-RTT data: by number, by age, and by what their secrets
/// will be named by, so that a secret is brought to its flow without asking all others.
struct WaitingFlows {
    private struct Turn {
        var number: UInt64
        var since: UInt64
    }

    private var flows: [UInt64: TLSFlow] = [:]
    /// In order of waiting; those before `first`, and those whose flow does not wait since then, are over.
    private var turns: [Turn] = []
    private var first = 0
    /// The flows of turns before this one were asked to move to the spool.
    private var firstUnspilled = 0
    private var byRandom: [ClientRandom: [UInt64]] = [:]
    private var byTranscript: [[UInt8]: [UInt64]] = [:]

    /// Number of flows.
    var count: Int { flows.count }

    /// The flow of this number, if it waits.
    subscript(_ number: UInt64) -> TLSFlow? { flows[number] }

    /// When the flow that has waited longest began to; nil when none waits.
    var oldestSince: UInt64? { first < turns.count ? turns[first].since : nil }

    /// Lists a flow that is not listed.
    mutating func insert(_ flow: TLSFlow, since: UInt64) {
        let number = flow.handle.number
        flow.waitsSince = since
        flow.isListed = true
        flows[number] = flow
        turns.append(Turn(number: number, since: since))
        flow.waitsBy = (flow.session.clientRandom, flow.session.transcriptHash)
        if let random = flow.waitsBy.random { byRandom[random, default: []].append(number) }
        if let hash = flow.waitsBy.transcript { byTranscript[hash, default: []].append(number) }
    }

    /// Takes a flow from the list.
    @discardableResult
    mutating func remove(_ number: UInt64) -> TLSFlow? {
        guard let flow = flows.removeValue(forKey: number) else { return nil }
        flow.isListed = false
        if let random = flow.waitsBy.random {
            byRandom[random]?.removeAll { $0 == number }
            if byRandom[random]?.isEmpty == true { byRandom[random] = nil }
        }
        if let hash = flow.waitsBy.transcript {
            byTranscript[hash]?.removeAll { $0 == number }
            if byTranscript[hash]?.isEmpty == true { byTranscript[hash] = nil }
        }
        trim()
        return flow
    }

    /// The flows that wait for secrets of these names, in the order in which they began to wait.
    func waiting(for randoms: Set<ClientRandom>, _ transcripts: Set<[UInt8]>) -> [TLSFlow] {
        var numbers: Set<UInt64> = []
        for random in randoms { numbers.formUnion(byRandom[random] ?? []) }
        for hash in transcripts { numbers.formUnion(byTranscript[hash] ?? []) }
        return numbers.compactMap { flows[$0] }
            .sorted { ($0.waitsSince, $0.handle.number) < ($1.waitsSince, $1.handle.number) }
    }

    /// The flow that has waited longest.
    func oldest() -> TLSFlow? { first < turns.count ? flows[turns[first].number] : nil }

    /// The flow that holds the most; of equals the one that has waited longest. It looks at all of them: for the moment
    /// in which a limit is reached only.
    func largest() -> TLSFlow? {
        flows.values.max {
            ($0.parked.charge, $1.waitsSince, $1.handle.number) < ($1.parked.charge, $0.waitsSince, $0.handle.number)
        }
    }

    /// The flow that has waited longest of those that this did not give yet.
    mutating func nextToSpill() -> TLSFlow? {
        firstUnspilled = max(firstUnspilled, first)
        while firstUnspilled < turns.count {
            let turn = turns[firstUnspilled]
            firstUnspilled += 1
            if let flow = flows[turn.number], flow.waitsSince == turn.since { return flow }
        }
        return nil
    }

    /// Lets ``nextToSpill()`` begin again, since the spool has room once more.
    mutating func spillAgain() { firstUnspilled = first }

    private mutating func trim() {
        while first < turns.count {
            let turn = turns[first]
            if let flow = flows[turn.number], flow.waitsSince == turn.since { break }
            first += 1
        }
        guard first > 1024, first * 2 > turns.count else { return }
        turns.removeFirst(first)
        firstUnspilled = max(0, firstUnspilled - first)
        first = 0
    }
}
