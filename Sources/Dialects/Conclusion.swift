internal import Objects

/// What came of an exchange: events in order, and which of its transfers they use.
struct Conclusion {
    /// The events, without those of discarded transfers.
    private(set) var events: [ObjectEvent] = []
    /// Transfers that an event uses; all others of the exchange are discarded.
    private(set) var used: [TransferID] = []
    /// Why the others are discarded.
    private(set) var reason = "no object's bytes"
    /// Counters to raise by one, in order.
    private(set) var counts: [WritableKeyPath<DialectCounters, UInt64>] = []
    /// True when the operation is not followed: counted by name.
    private(set) var isUnsupported = false

    /// Adds an event that uses no transfer.
    mutating func add(_ event: ObjectEvent) { events.append(event) }

    /// Adds an event that uses this transfer.
    mutating func add(_ event: ObjectEvent, using transfer: TransferID) {
        events.append(event)
        used.append(transfer)
    }

    /// Raises a counter by one.
    mutating func count(_ counter: WritableKeyPath<DialectCounters, UInt64>) { counts.append(counter) }

    /// Says why transfers that no event uses are discarded.
    mutating func discard(_ reason: String) { self.reason = reason }

    /// Says that the operation is not followed.
    mutating func unsupported(_ label: String) {
        isUnsupported = true
        reason = "\(label) is not supported"
    }

    /// Adds an attempt that changed nothing, with the reason that the record tells or the one given.
    mutating func attempt(
        _ name: ObjectName?, _ operation: String, _ record: ExchangeRecord, reason stated: String? = nil,
        code: String? = nil
    ) {
        let reason = stated ?? record.failure(code: code)
        self.reason = reason
        if stated == nil { count(record.response == nil ? \.unanswered : \.refused) }
        guard let name else { return }
        add(
            .attempted(
                AttemptedEvent(
                    name: name, operation: operation, status: record.status, reason: reason, seen: record.seen())))
    }
}
