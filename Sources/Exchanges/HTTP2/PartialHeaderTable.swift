/// A dynamic table (RFC 7541 §2.3.2) of which only the entries are known that were added since a loss.
///
/// No decoder of a library goes on with a table it knows in part. So a header block is translated here to one that needs
/// no dynamic table: entries that are known are replaced by the literals that made them, as they were sent, and nothing
/// is added. Strings are not decoded.
///
/// Indices count from the newest entry, so that what is missing at the old end moves none. Entries are not evicted by
/// the encoder's rules either, since an encoder does not refer to what it evicted; the table is only kept small.
struct PartialHeaderTable {
    /// What a block is, as far as the table can tell.
    enum Translation: Equatable {
        /// The block in literals and references to the static table.
        case literals([UInt8])
        /// The block refers to an entry that is not known.
        case unknown
        /// The block is not of the grammar of RFC 7541 §6.
        case defect
    }

    private struct Entry {
        /// The first bytes of a literal without indexing, up to the value; nil when the name is not known.
        var name: [UInt8]?
        /// The value as a string literal.
        var value: [UInt8]

        var cost: Int { (name?.count ?? 0) + value.count + 32 }
    }

    private static let staticCount = 61
    /// Oldest first.
    private var entries: [Entry] = []
    private var cost = 0

    /// Translates a block, and adds the entries it adds; they may cost up to `costMax` bytes in all.
    mutating func translate(_ block: [UInt8], costMax: Int) -> Translation {
        var output: [UInt8] = []
        output.reserveCapacity(block.count * 2)
        var isKnown = true
        var reader = Reader(block: block)
        while reader.index < block.count {
            let first = block[reader.index]
            if first & 0x80 != 0 {
                let start = reader.index
                guard let index = reader.integer(7), index > 0 else { return .defect }
                if index <= Self.staticCount {
                    output += block[start..<reader.index]
                } else if let entry = entry(index), let name = entry.name {
                    output += name + entry.value
                } else {
                    isKnown = false
                }
            } else if first & 0xE0 == 0x20 {
                guard let size = reader.integer(5) else { return .defect }
                if size == 0 { removeAll() }
            } else {
                let isAdded = first & 0x40 != 0
                guard let index = reader.integer(isAdded ? 6 : 4) else { return .defect }
                let name: [UInt8]?
                if index == 0 {
                    guard let literal = reader.string() else { return .defect }
                    name = [0] + literal
                } else if index <= Self.staticCount {
                    name = Self.staticName(index)
                } else {
                    name = entry(index)?.name
                }
                guard let value = reader.string() else { return .defect }
                if let name { output += name + value } else { isKnown = false }
                if isAdded { add(Entry(name: name, value: Array(value)), costMax) }
            }
            // Ten one-byte references can name an entry of any size: what comes of it is bounded all the same.
            if output.count > costMax + block.count { isKnown = false }
            if !isKnown { output.removeAll(keepingCapacity: true) }
        }
        return isKnown ? .literals(output) : .unknown
    }

    /// Forgets all entries.
    mutating func removeAll() {
        entries.removeAll()
        cost = 0
    }

    private func entry(_ index: Int) -> Entry? {
        let place = entries.count - (index - Self.staticCount)
        return place >= 0 && place < entries.count ? entries[place] : nil
    }

    private mutating func add(_ entry: Entry, _ costMax: Int) {
        entries.append(entry)
        cost += entry.cost
        var old = 0
        while cost > costMax, old < entries.count {
            cost -= entries[old].cost
            old += 1
        }
        if old > 0 { entries.removeFirst(old) }
    }

    /// The beginning of a literal without indexing whose name is in the static table (RFC 7541 §6.2.2).
    private static func staticName(_ index: Int) -> [UInt8] {
        index < 15 ? [UInt8(index)] : [15, UInt8(index - 15)]
    }

    /// Reads the primitives of RFC 7541 §5.
    private struct Reader {
        let block: [UInt8]
        var index = 0

        /// An integer with a prefix of so many bits; nil when it is cut or larger than any length or index can be.
        mutating func integer(_ prefix: Int) -> Int? {
            guard index < block.count else { return nil }
            let mask = (1 << prefix) - 1
            var value = Int(block[index]) & mask
            index += 1
            guard value == mask else { return value }
            var shift = 0
            while index < block.count, shift <= 21 {
                let octet = block[index]
                index += 1
                value += Int(octet & 0x7F) << shift
                if octet & 0x80 == 0 { return value }
                shift += 7
            }
            return nil
        }

        /// A string literal as it stands, length and all.
        mutating func string() -> ArraySlice<UInt8>? {
            let start = index
            guard let length = integer(7), length <= block.count - index else { return nil }
            index += length
            return block[start..<index]
        }
    }
}
