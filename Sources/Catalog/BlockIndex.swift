public import Blocks

/// Where a block lies, as the storage layer packs it: four words that the index keeps and never reads.
public struct BlockIndexValue: Hashable, Sendable, BitwiseCopyable {
    /// First word.
    public var word0: UInt64
    /// Second word.
    public var word1: UInt64
    /// Third word.
    public var word2: UInt64
    /// Fourth word.
    public var word3: UInt64

    /// A value of its words.
    @inlinable
    public init(_ word0: UInt64, _ word1: UInt64, _ word2: UInt64, _ word3: UInt64) {
        self.word0 = word0
        self.word1 = word1
        self.word2 = word2
        self.word3 = word3
    }

    /// Length of an encoded value in bytes: the words in big-endian order.
    public static var byteCount: Int { 32 }
}

/// A block and its place.
public struct BlockIndexEntry: Hashable, Sendable, BitwiseCopyable {
    /// The block.
    public var fingerprint: Fingerprint
    /// Its place.
    public var value: BlockIndexValue

    /// An entry of its parts.
    @inlinable
    public init(_ fingerprint: Fingerprint, _ value: BlockIndexValue) {
        self.fingerprint = fingerprint
        self.value = value
    }
}

/// The map from fingerprints to places. A block that it knows is durable: entries are published only after the bytes
/// were forced to the medium.
public protocol BlockIndex {
    /// Positions in `fingerprints`, ascending, of those that the index does not know. A fingerprint that stands twice in
    /// the list is judged twice.
    func missing(of fingerprints: [Fingerprint]) throws(CatalogError) -> [Int]

    /// The places of blocks, nil for those that are not known.
    func locate(_ fingerprints: [Fingerprint]) throws(CatalogError) -> [BlockIndexValue?]

    /// The place of one block, or nil.
    func locate(_ fingerprint: Fingerprint) throws(CatalogError) -> BlockIndexValue?

    /// Makes durable blocks known. A later entry for the same fingerprint replaces the earlier one.
    func publish(_ entries: [BlockIndexEntry]) throws(CatalogError)

    /// Forgets blocks (collection and scrub).
    func withdraw(_ fingerprints: [Fingerprint]) throws(CatalogError)

    /// Visits all entries in the order of fingerprints.
    func visitEntries(_ visit: (BlockIndexEntry) throws(CatalogError) -> VisitStep) throws(CatalogError)
}
