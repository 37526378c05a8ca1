/// Where the table says a key is to be found.
struct FlowReference: BitwiseCopyable, Equatable {
    /// 0 for nothing, slot + 1 for a flow, -(index + 1) for a closed flow that is remembered.
    fileprivate(set) var rawValue: Int32

    static var none: FlowReference { FlowReference(rawValue: 0) }

    @inline(__always) init(flow slot: Int32) { rawValue = slot &+ 1 }
    init(closed index: Int32) { rawValue = -(index &+ 1) }
    fileprivate init(rawValue: Int32) { self.rawValue = rawValue }

    /// The flow's slot; negative when this is no flow.
    @inline(__always) var flow: Int32 { rawValue &- 1 }
    /// The index of the closed flow; negative when this is none.
    var closed: Int32 { -rawValue &- 1 }
}

/// An open-addressing hash table from keys to flows, probed linearly, at most three quarters full.
///
/// It stores 32 bits of hash and a reference per entry, eight bytes; the keys stay with the flows, so the caller
/// compares them: `position(of:)` and `position(after:)` walk the candidates. Removal shifts entries back instead of
/// leaving marks, so the table does not age.
@safe
struct FlowTable: ~Copyable {
    /// One place: free when the reference is `.none`.
    struct Entry: BitwiseCopyable {
        var hash: UInt32
        var reference: FlowReference
    }

    /// Entries, a power of two of them; owned.
    private var entries: UnsafeMutablePointer<Entry>
    private var mask: UInt32
    private(set) var count = 0

    init(capacityLog2: Int = 10) {
        mask = (1 << UInt32(capacityLog2)) - 1
        unsafe entries = Self.allocate(Int(mask) + 1)
    }

    deinit {
        unsafe entries.deallocate()
    }

    /// Places in the table.
    var capacity: Int { Int(mask) + 1 }

    /// Where the search for a hash begins.
    @inline(__always)
    func position(of hash: UInt32) -> UInt32 { hash & mask }

    /// Where it goes on.
    @inline(__always)
    func position(after position: UInt32) -> UInt32 { (position &+ 1) & mask }

    /// The entry at a position, which is masked, so no value reads outside.
    @inline(__always)
    subscript(position: UInt32) -> Entry { unsafe entries[Int(position & mask)] }

    /// Adds a key that is not in the table.
    mutating func insert(hash: UInt32, _ reference: FlowReference) {
        if (count + 1) * 4 > capacity * 3 { grow() }
        place(Entry(hash: hash, reference: reference))
        count += 1
    }

    /// Removes what `insert` added.
    mutating func remove(hash: UInt32, _ reference: FlowReference) {
        var hole = position(of: hash)
        while self[hole].reference != reference {
            guard self[hole].reference != .none else { return }
            hole = position(after: hole)
        }
        // An entry after the hole moves into it unless its own search would begin behind the hole.
        var next = position(after: hole)
        while self[next].reference != .none {
            let distanceFromHome = (next &- position(of: self[next].hash)) & mask
            if distanceFromHome >= (next &- hole) & mask {
                unsafe entries[Int(hole)] = self[next]
                hole = next
            }
            next = position(after: next)
        }
        unsafe entries[Int(hole)] = Entry(hash: 0, reference: .none)
        count -= 1
    }

    private mutating func place(_ entry: Entry) {
        var place = position(of: entry.hash)
        while self[place].reference != .none { place = position(after: place) }
        unsafe entries[Int(place)] = entry
    }

    private mutating func grow() {
        let old = unsafe entries
        let oldCapacity = capacity
        unsafe entries = Self.allocate(oldCapacity * 2)
        mask = mask << 1 | 1
        for index in 0..<oldCapacity where unsafe old[index].reference != .none {
            place(unsafe old[index])
        }
        unsafe old.deallocate()
    }

    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Entry> {
        let entries = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
        unsafe entries.initialize(repeating: Entry(hash: 0, reference: .none), count: capacity)
        return unsafe entries
    }
}

// The pointer is reachable through this value only, which cannot be copied: whoever holds it holds the memory alone.
extension FlowTable: @unchecked Sendable {}
