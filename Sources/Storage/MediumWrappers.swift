internal import CLinux
internal import Glibc

/// Repeats what failed in passing, after pauses that grow.
public struct RetryingMedium: SegmentMedium {
    private let base: any SegmentMedium
    private let attempts: Int
    private let firstPauseMilliseconds: UInt32

    /// `base`, each call made at most `attempts` times; the first pause, doubled by each further one, in milliseconds.
    public init(_ base: any SegmentMedium, attempts: Int = 4, firstPauseMilliseconds: UInt32 = 100) {
        self.base = base
        self.attempts = max(1, attempts)
        self.firstPauseMilliseconds = firstPauseMilliseconds
    }

    /// The place of the medium within.
    public var place: String { base.place }

    /// Those of the medium within.
    public var repeatedRequests: UInt64 { base.repeatedRequests }

    /// Repeated; after a failed attempt, `present` may mean that the failed one stored it after all.
    public func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut {
        try repeated { () throws(StorageError) in try base.put(name, bytes, onlyIfAbsent: onlyIfAbsent) }
    }

    /// Repeated.
    public func size(of name: String) throws(StorageError) -> UInt64? {
        try repeated { () throws(StorageError) in try base.size(of: name) }
    }

    /// Repeated.
    public func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8] {
        try repeated { () throws(StorageError) in try base.read(name, range) }
    }

    /// Repeated.
    public func objects(under prefix: String) throws(StorageError) -> [MediumObject] {
        try repeated { () throws(StorageError) in try base.objects(under: prefix) }
    }

    /// Repeated.
    public func remove(_ name: String) throws(StorageError) {
        try repeated { () throws(StorageError) in try base.remove(name) }
    }

    private func repeated<Value>(_ call: () throws(StorageError) -> Value) throws(StorageError) -> Value {
        for attempt in 1..<attempts {
            // A result, since catching and going on in one loop is beyond the compiler.
            switch Self.result(call) {
            case .success(let value): return value
            case .failure(let error):
                guard error.isPassing else { throw error }
                usleep(min(firstPauseMilliseconds << UInt32(min(attempt - 1, 8)), 20_000) * 1_000)
            }
        }
        return try call()
    }

    private static func result<Value>(_ call: () throws(StorageError) -> Value) -> Result<Value, StorageError> {
        do throws(StorageError) {
            return .success(try call())
        } catch {
            return .failure(error)
        }
    }
}

/// Holds puts and reads back to a rate, so that a link keeps room for others.
public struct ThrottledMedium: SegmentMedium {
    private let base: any SegmentMedium
    private let bytesPerSecond: UInt64
    /// When the bytes that were let through so far are paid for, nanoseconds of the monotonic clock.
    private let paidUntil = Guarded<UInt64>(0)

    /// `base`, at no more than this many bytes a second on the whole.
    public init(_ base: any SegmentMedium, bytesPerSecond: UInt64) {
        self.base = base
        self.bytesPerSecond = max(1, bytesPerSecond)
    }

    /// The place of the medium within.
    public var place: String { base.place }

    /// Those of the medium within.
    public var repeatedRequests: UInt64 { base.repeatedRequests }

    /// Held back by its bytes.
    public func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut {
        pay(bytes.count)
        return try base.put(name, bytes, onlyIfAbsent: onlyIfAbsent)
    }

    /// At once.
    public func size(of name: String) throws(StorageError) -> UInt64? { try base.size(of: name) }

    /// Held back by its bytes.
    public func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8] {
        pay(range.count)
        return try base.read(name, range)
    }

    /// At once.
    public func objects(under prefix: String) throws(StorageError) -> [MediumObject] { try base.objects(under: prefix) }

    /// At once.
    public func remove(_ name: String) throws(StorageError) { try base.remove(name) }

    /// Takes its turn, and sleeps until it has come.
    private func pay(_ bytes: Int) {
        let cost = UInt64(Double(bytes) / Double(bytesPerSecond) * 1e9)
        let now = monotonicNanoseconds()
        let start = paidUntil.withLock { paidUntil in
            let start = max(paidUntil, now)
            paidUntil = start + cost
            return start
        }
        var left = start - now
        while left > 0 {
            let part = min(left, 500_000_000)
            usleep(UInt32(part / 1_000) + 1)
            left -= part
        }
    }
}

/// Counts what is asked of a medium.
public final class MeteredMedium: SegmentMedium {
    /// What was asked so far.
    public struct Counts: Sendable, Hashable {
        /// Puts that returned.
        public var puts: UInt64 = 0
        /// Their bytes.
        public var bytesPut: UInt64 = 0
        /// Reads that returned.
        public var reads: UInt64 = 0
        /// Their bytes.
        public var bytesRead: UInt64 = 0
        /// Other calls that returned.
        public var others: UInt64 = 0
        /// Calls that failed.
        public var failures: UInt64 = 0
        /// Requests that the medium repeated by itself, within these calls.
        public var repeatedRequests: UInt64 = 0
        /// Nanoseconds that the calls took, those that failed among them, of all threads.
        public var nanoseconds: UInt64 = 0

        /// Nothing asked.
        public init() {}
    }

    private let base: any SegmentMedium
    private let counters = Guarded(Counts())

    /// `base`, counted.
    public init(_ base: any SegmentMedium) { self.base = base }

    /// The counts now.
    public var counts: Counts {
        var counts = counters.withLock { $0 }
        counts.repeatedRequests = base.repeatedRequests
        return counts
    }

    /// The place of the medium within.
    public var place: String { base.place }

    /// Those of the medium within.
    public var repeatedRequests: UInt64 { base.repeatedRequests }

    /// Counted.
    public func put(_ name: String, _ bytes: [UInt8], onlyIfAbsent: Bool) throws(StorageError) -> MediumPut {
        try counted({ () throws(StorageError) in try base.put(name, bytes, onlyIfAbsent: onlyIfAbsent) }) { counts, _ in
            counts.puts += 1
            counts.bytesPut += UInt64(bytes.count)
        }
    }

    /// Counted.
    public func size(of name: String) throws(StorageError) -> UInt64? {
        try counted({ () throws(StorageError) in try base.size(of: name) }) { counts, _ in counts.others += 1 }
    }

    /// Counted.
    public func read(_ name: String, _ range: Range<UInt64>) throws(StorageError) -> [UInt8] {
        try counted({ () throws(StorageError) in try base.read(name, range) }) { counts, bytes in
            counts.reads += 1
            counts.bytesRead += UInt64(bytes.count)
        }
    }

    /// Counted.
    public func objects(under prefix: String) throws(StorageError) -> [MediumObject] {
        try counted({ () throws(StorageError) in try base.objects(under: prefix) }) { counts, _ in counts.others += 1 }
    }

    /// Counted.
    public func remove(_ name: String) throws(StorageError) {
        try counted({ () throws(StorageError) in try base.remove(name) }) { counts, _ in counts.others += 1 }
    }

    private func counted<Value>(
        _ call: () throws(StorageError) -> Value, _ count: (inout Counts, Value) -> Void
    ) throws(StorageError) -> Value {
        let began = monotonicNanoseconds()
        do throws(StorageError) {
            let value = try call()
            counters.withLock { counts in
                count(&counts, value)
                counts.nanoseconds &+= monotonicNanoseconds() &- began
            }
            return value
        } catch {
            counters.withLock { counts in
                counts.failures += 1
                counts.nanoseconds &+= monotonicNanoseconds() &- began
            }
            throw error
        }
    }
}

/// Nanoseconds of a clock that never goes back.
func monotonicNanoseconds() -> UInt64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(clamping: now.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: now.tv_nsec)
}
