/// What all flows share: limits, counters, budgets, names.
struct Desk {
    let limits: ExchangeLimits
    var counters = ExchangeCounters()
    var names = FieldNameCache()
    var forms = FieldForms()
    var lastExchange: UInt64 = 0
    var openTotal = 0
    private(set) var partialBytes = 0
    private(set) var headerTableBytes = 0
    private(set) var tailBytes = 0

    init(_ limits: ExchangeLimits) { self.limits = limits }

    /// Takes bytes from the budget of incomplete things; false and counted when it is spent.
    mutating func reserve(_ count: Int) -> Bool {
        guard partialBytes + count <= limits.partialBytesTotal else {
            counters.partialByteLimit += 1
            return false
        }
        partialBytes += count
        return true
    }

    /// Gives bytes back to the budget.
    mutating func release(_ count: Int) { partialBytes -= count }

    /// Takes bytes from the budget of what waits behind a loss; false and counted when it is spent.
    mutating func reserveTail(_ count: Int) -> Bool {
        guard tailBytes + count <= limits.tailBytesTotal else {
            counters.http2.tailLimit += 1
            return false
        }
        tailBytes += count
        return true
    }

    /// Gives bytes back to that budget.
    mutating func releaseTail(_ count: Int) { tailBytes -= count }

    /// Takes bytes from the budget of header tables; false and counted when it is spent.
    mutating func reserveTables(_ count: Int) -> Bool {
        guard headerTableBytes + count <= limits.headerTableBytesTotal else {
            counters.http2.headerTableLimit += 1
            return false
        }
        headerTableBytes += count
        return true
    }

    /// Gives bytes back to the budget of header tables.
    mutating func releaseTables(_ count: Int) { headerTableBytes -= count }

    /// The number of the next exchange.
    mutating func nextExchange() -> ExchangeID {
        lastExchange += 1
        return ExchangeID(lastExchange)
    }
}
