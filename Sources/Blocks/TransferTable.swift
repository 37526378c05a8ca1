/// What the splitter knows of an open transfer. Plain data in a slab; slots are reused.
struct OpenTransfer {
    /// ``TransferID/number``.
    var number: UInt64
    /// Offset within the object of the transfer's first byte.
    var objectOffset: UInt64
    /// Offset within the transfer of the next byte expected.
    var position: UInt64
    /// The buffer of the block being filled; meaningless while `filled` is 0 or the bytes are in pages.
    var buffer: BlockBuffer
    /// The pages of a block's beginning that has no buffer.
    var pages = BeginningPages.Chain()
    /// Number of the piece of payload with which it last grew.
    var lastPiece: UInt64
    /// Bytes in it. The block began at `position - filled`.
    var filled: Int32
    /// Neighbours in the list of partly filled blocks; `TransferTable.none` at its ends.
    var newer: Int32
    var older: Int32
    /// Which list that is.
    var holding: Holding

    /// True while it has bytes and no buffer.
    var isInPages: Bool { filled > 0 && holding == .pages }
}

/// How a transfer holds the bytes of a block that is not full.
enum Holding {
    /// In a buffer, until its block is full, or it stalls.
    case settled
    /// In a buffer, until too many others come that all have to make do with this.
    case passing
    /// In ``BeginningPages``, while they are few; such a transfer is in no list.
    case pages
}

/// The transfers that hold a partly filled buffer in one way, in the order in which they last grew.
struct PartialList {
    private(set) var newest = TransferTable.none
    private(set) var oldest = TransferTable.none
    private(set) var count = 0

    /// Puts a slot at the new end.
    fileprivate mutating func link(_ slot: Int32, in slots: inout [OpenTransfer]) {
        slots[Int(slot)].older = newest
        slots[Int(slot)].newer = TransferTable.none
        if newest == TransferTable.none { oldest = slot } else { slots[Int(newest)].newer = slot }
        newest = slot
        count += 1
    }

    /// Takes a slot out.
    fileprivate mutating func unlink(_ slot: Int32, in slots: inout [OpenTransfer]) {
        let (older, newer) = (slots[Int(slot)].older, slots[Int(slot)].newer)
        if older == TransferTable.none { oldest = newer } else { slots[Int(older)].newer = newer }
        if newer == TransferTable.none { newest = older } else { slots[Int(newer)].older = older }
        count -= 1
    }
}

/// The open transfers, found by number: an index of open addressing over a slab, and within the slab the lists of those
/// that hold a partly filled buffer.
///
/// Numbers count up from 1, so Fibonacci hashing spreads them well without SipHash's cost; a program chooses them, not a
/// peer. Deleting shifts entries back, so that probes stay short however many transfers come and go.
struct TransferTable {
    static let none: Int32 = -1

    /// Slots by index. Public to the splitter so that it updates a slot in place.
    var slots: [OpenTransfer] = []
    /// Number of open transfers.
    private(set) var count = 0
    private(set) var settled = PartialList()
    private(set) var passing = PartialList()

    private var freeSlots: [Int32] = []
    /// Slot numbers, `none` where empty; the length is a power of two, at most half full.
    private var index = [Int32](repeating: TransferTable.none, count: 64)
    private var shift: UInt64 = 58

    /// The slot of a transfer, or `none`.
    func find(_ number: UInt64) -> Int32 {
        var place = home(of: number)
        while true {
            let slot = index[place]
            if slot == Self.none || slots[Int(slot)].number == number { return slot }
            place = (place + 1) & (index.count - 1)
        }
    }

    /// Adds a transfer that is not in the table.
    mutating func insert(_ number: UInt64, objectOffset: UInt64) -> Int32 {
        if (count + 1) * 2 > index.count { grow() }
        let transfer = OpenTransfer(
            number: number, objectOffset: objectOffset, position: 0, buffer: BlockBuffer(index: -1), lastPiece: 0,
            filled: 0, newer: Self.none, older: Self.none, holding: .settled)
        let slot: Int32
        if let free = freeSlots.popLast() {
            slot = free
            slots[Int(slot)] = transfer
        } else {
            slot = Int32(slots.count)
            slots.append(transfer)
        }
        enter(slot)
        count += 1
        return slot
    }

    /// Removes a transfer whose block has been cut.
    mutating func remove(_ slot: Int32) {
        var hole = home(of: slots[Int(slot)].number)
        while index[hole] != slot { hole = (hole + 1) & (index.count - 1) }
        var place = hole
        while true {
            place = (place + 1) & (index.count - 1)
            let candidate = index[place]
            if candidate == Self.none { break }
            // Move it back when the hole lies between its home and its place.
            let distance = (place - home(of: slots[Int(candidate)].number)) & (index.count - 1)
            if distance >= (place - hole) & (index.count - 1) {
                index[hole] = candidate
                hole = place
            }
        }
        index[hole] = Self.none
        slots[Int(slot)].number = 0
        freeSlots.append(slot)
        count -= 1
    }

    /// Transfers that hold a partly filled buffer.
    var partialCount: Int { settled.count + passing.count }

    /// Puts a transfer that got its first bytes of a block at the new end of a list.
    mutating func linkPartial(_ slot: Int32, _ holding: Holding) {
        slots[Int(slot)].holding = holding
        if holding == .settled { settled.link(slot, in: &slots) } else { passing.link(slot, in: &slots) }
    }

    /// Takes a transfer out of its list.
    mutating func unlinkPartial(_ slot: Int32) {
        if slots[Int(slot)].holding == .settled {
            settled.unlink(slot, in: &slots)
        } else {
            passing.unlink(slot, in: &slots)
        }
    }

    /// Moves a transfer to the new end of its list.
    mutating func touchPartial(_ slot: Int32) {
        guard slots[Int(slot)].newer != Self.none else { return }
        unlinkPartial(slot)
        linkPartial(slot, slots[Int(slot)].holding)
    }

    private func home(of number: UInt64) -> Int { Int(truncatingIfNeeded: (number &* 0x9E37_79B9_7F4A_7C15) >> shift) }

    private mutating func enter(_ slot: Int32) {
        var place = home(of: slots[Int(slot)].number)
        while index[place] != Self.none { place = (place + 1) & (index.count - 1) }
        index[place] = slot
    }

    private mutating func grow() {
        let entries = index.filter { $0 != Self.none }
        index = Array(repeating: Self.none, count: index.count * 2)
        shift -= 1
        for slot in entries { enter(slot) }
    }
}
