/// A doubly linked list of slots. A slot is in it at most once; linking and unlinking take constant time.
struct SlotList: ~Copyable {
    private struct Links {
        var earlier: Int32 = -1
        var later: Int32 = -1
    }

    private var links: [Links] = []
    /// The slot that was appended first; -1 when the list is empty.
    private(set) var first: Int32 = -1
    /// The slot that was appended last; -1 when the list is empty.
    private(set) var last: Int32 = -1
    private(set) var count = 0

    /// The slot that was appended next after this one; -1 when there is none.
    func slot(after slot: Int32) -> Int32 { links[Int(slot)].later }

    /// Puts a slot that is not in the list at its end.
    mutating func append(_ slot: Int32) {
        while links.count <= Int(slot) { links.append(Links()) }
        links[Int(slot)] = Links(earlier: last, later: -1)
        if last >= 0 { links[Int(last)].later = slot } else { first = slot }
        last = slot
        count += 1
    }

    /// Takes a slot out that is in the list.
    mutating func remove(_ slot: Int32) {
        let link = links[Int(slot)]
        if link.earlier >= 0 { links[Int(link.earlier)].later = link.later } else { first = link.later }
        if link.later >= 0 { links[Int(link.later)].earlier = link.earlier } else { last = link.earlier }
        count -= 1
    }

    /// Puts a slot that is in the list at its end.
    mutating func moveToEnd(_ slot: Int32) {
        guard slot != last else { return }
        remove(slot)
        append(slot)
    }
}
