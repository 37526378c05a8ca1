/// What all flows share: limits, counters, secrets, and the room that records are opened in.
struct CleartextDesk: ~Copyable {
    let limits: CleartextLimits
    var counters = CleartextCounters()
    var store: SecretStore
    /// Whether missing secrets may still come.
    var expectsSecrets: Bool
    /// Bytes of memory of flows that wait, as charged.
    private(set) var parkedBytes = 0
    /// Where what waits goes when memory is short; nil when there is no such place.
    let spool: (any CiphertextSpool)?
    /// Is shown the flows that are read; nil when nobody asked for that.
    let export: (any CleartextExport)?
    /// Attempts so far to find the sessions of flows without a handshake.
    var identifyTrials = 0
    /// Record numbers that may still be looked at for them.
    var identifyNumbers: Int
    /// Bytes of room that flows keep.
    private var gatherBytes = 0
    /// Room for the content of one record.
    let room = RecordRoom()
    private var accounts: [Account: (flows: UInt64, bytes: UInt64)] = [:]

    private struct Account: Hashable {
        var host: String
        var reason: UndecryptableReason
    }

    init(
        limits: CleartextLimits, store: SecretStore, expectsSecrets: Bool, spool: (any CiphertextSpool)? = nil,
        export: (any CleartextExport)? = nil
    ) {
        self.export = export
        self.spool = spool
        self.limits = limits
        self.store = store
        identifyNumbers = limits.identifyNumbersTotal
        self.expectsSecrets = expectsSecrets
    }

    /// What a flow that waits is charged with for its state.
    private static var flowCharge: Int { 2_048 }

    /// Charges a flow with the memory that it takes while it waits, and with nothing when it does not.
    mutating func charge(_ flow: TLSFlow) {
        var charge = 0
        if flow.isWaiting {
            charge = flow.parked.memoryCharge + Self.flowCharge
            charge += flow.initiator.partial.capacity + flow.responder.partial.capacity
        }
        parkedBytes += charge - flow.parkedCharge
        flow.parkedCharge = charge
        counters.parkedPeakBytes = max(counters.parkedPeakBytes, UInt64(parkedBytes))
    }

    /// Moves what waits of a flow to the spool, and lets what comes follow it. False when the spool takes no more.
    mutating func spill(_ flow: TLSFlow, isWhole: Bool) -> Bool {
        guard let spool else { return false }
        let before = flow.parked.slots
        let isDone = flow.parked.spill(isWhole, to: spool)
        let moved = flow.parked.slots - before
        if moved > 0, before == 0 { counters.spooledFlows += 1 }
        flow.spills = true
        counters.spooledBytes += UInt64(moved * ParkedLog.chunkBytes)
        if !isDone { counters.spoolRefusals += 1 }
        charge(flow)
        return isDone
    }

    /// Counts what could not be read of a flow. `flows` is 1 when the flow is given up, and 0 for bytes that follow.
    mutating func account(_ host: String, _ reason: UndecryptableReason, flows: UInt64, bytes: UInt64) {
        counters.undecryptableFlows += flows
        counters.undecryptableBytes += bytes
        var account = Account(host: host, reason: reason)
        if accounts[account] == nil, accounts.count >= limits.hosts { account.host = "others" }
        accounts[account, default: (0, 0)].flows += flows
        accounts[account, default: (0, 0)].bytes += bytes
    }

    /// Lets a half keep the room that its last record was gathered in, within the limit.
    mutating func settleRoom(of half: TLSHalf) {
        let capacity = half.partial.capacity
        gatherBytes += capacity - half.keptRoom
        half.keptRoom = capacity
        guard gatherBytes > limits.gatherBytes else { return }
        counters.gatherLimit += 1
        releaseRoom(of: half)
    }

    /// Takes a half's room back.
    mutating func releaseRoom(of half: TLSHalf) {
        gatherBytes -= half.keptRoom
        half.keptRoom = 0
        if half.partial.isEmpty { half.partial = [] }
    }

    /// The accounts, the largest first.
    var undecryptable: [Undecryptable] {
        accounts.map {
            Undecryptable(host: $0.key.host, reason: $0.key.reason, flows: $0.value.flows, bytes: $0.value.bytes)
        }
        .sorted { ($1.bytes, $0.host, $0.reason.rawValue) < ($0.bytes, $1.host, $1.reason.rawValue) }
    }
}

/// Memory that records are opened into, as large as a record can be.
@safe
final class RecordRoom {
    let start: UnsafeMutablePointer<UInt8>

    init() {
        unsafe start = .allocate(capacity: RecordHeader.recordMax)
        unsafe start.initialize(repeating: 0, count: RecordHeader.recordMax)
    }

    deinit { unsafe start.deallocate() }
}
