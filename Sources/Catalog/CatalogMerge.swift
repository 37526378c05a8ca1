internal import Blocks
internal import Objects

/// Brings the catalogs of several writers of one vault together.
///
/// Writers do not know of each other, so they may have rows of the same key. Which one stays does not depend on the order
/// in which catalogs come:
///
/// - of a version (or a part of an upload), with its pages of extents, the one that is nearer to being whole: verified
///   before complete before others, then more bytes held, then the row whose bytes sort last;
/// - of a name, the newest version of either, and what either knows of inferred versions; histories are united;
/// - of other rows, the one whose bytes sort last;
/// - of a block, the place in the segment with the lower number.
///
/// So every version that one writer knows is there. Versions of different times stay apart, even if they are the same
/// bytes: which of them a cloud made is told by time alone.
public struct CatalogMerge {
    private let target: RocksCatalog
    private let source: RocksCatalog
    private var mutations: [CatalogMutation] = []
    private var entries: [BlockIndexEntry] = []

    /// A merge of `source`, which stays as it is, into `target`.
    public init(of source: RocksCatalog, into target: RocksCatalog) {
        self.source = source
        self.target = target
    }

    /// Merges all rows.
    public mutating func run() throws(CatalogError) {
        for table in CatalogTable.allCases where table != .meta && table != .manifests {
            let rows = source
            var current = self
            try rows.scan(table, prefix: [], from: nil) { (key, value) throws(CatalogError) in
                try current.take(table, key, value)
                return .next
            }
            self = current
            try flush()
        }
        var current = self
        try source.visitEntries { (entry) throws(CatalogError) in
            if let known = try current.target.locate(entry.fingerprint), known.word0 <= entry.value.word0 {
                return .next
            }
            current.entries.append(entry)
            if current.entries.count >= 4096 { try current.flush() }
            return .next
        }
        self = current
        try flush()
    }

    private mutating func flush() throws(CatalogError) {
        try target.commit(mutations, index: entries, checkpoint: nil)
        mutations.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ table: CatalogTable, _ key: [UInt8], _ value: [UInt8]) throws(CatalogError) {
        let known = try target.value(of: key, in: table)
        switch table {
        case .versions, .parts:
            if let known, try !isBetter(value, than: known, key, table) { return }
            put(table, key, value)
            try replacePages(table == .versions ? .version(key) : .part(key))
        case .names:
            put(table, key, try known.map { known throws(CatalogError) in try Self.joined(known, value) } ?? value)
        default:
            if let known, !known.lexicographicallyPrecedes(value) { return }
            put(table, key, value)
        }
        if mutations.count >= 4096 { try flush() }
    }

    private mutating func put(_ table: CatalogTable, _ key: [UInt8], _ value: [UInt8]) {
        mutations.append(CatalogMutation(table: table, key: key, value: value))
    }

    private func isBetter(
        _ value: [UInt8], than known: [UInt8], _ key: [UInt8], _ table: CatalogTable
    ) throws(CatalogError) -> Bool {
        if table == .versions {
            let id = try CatalogKey.versionID(decoding: key)
            let (new, old) = (
                Self.rank(try VersionRecord(id: id, decoding: value)),
                Self.rank(try VersionRecord(id: id, decoding: known))
            )
            if new != old { return old < new }
        }
        return known.lexicographicallyPrecedes(value)
    }

    private static func rank(_ version: VersionRecord) -> (Int, UInt64) {
        let state =
            switch version.state {
            case .verified: 3
            case .complete: 2
            case .mismatch: 1
            case .partial: 0
            }
        return (state, version.holdings.covered.total)
    }

    /// The pages of a version or a part as the source has them.
    private mutating func replacePages(_ owner: ManifestOwner) throws(CatalogError) {
        let prefix = CatalogKey.pages(owner)
        var pages: [CatalogMutation] = []
        try target.scan(.manifests, prefix: prefix, from: nil) { (key, _) throws(CatalogError) in
            pages.append(CatalogMutation(table: .manifests, key: key, value: nil))
            return .next
        }
        try source.scan(.manifests, prefix: prefix, from: nil) { (key, value) throws(CatalogError) in
            pages.append(CatalogMutation(table: .manifests, key: key, value: value))
            return .next
        }
        mutations += pages
    }

    private static func joined(_ one: [UInt8], _ other: [UInt8]) throws(CatalogError) -> [UInt8] {
        var name = try NameRecord(decoding: one)
        let second = try NameRecord(decoding: other)
        // Times are complemented in keys: the newest sorts first.
        if name.newest.isEmpty || (!second.newest.isEmpty && second.newest.lexicographicallyPrecedes(name.newest)) {
            name.newest = second.newest
        }
        name.hasInferred = name.hasInferred || second.hasInferred
        name.historyCount = max(name.historyCount, second.historyCount)
        return name.encoded
    }
}
