public import Blocks
internal import CRocksDB
internal import Glibc
internal import Synchronization

/// The index's key: the digest's 32 bytes.
private typealias KeyWords = (UInt64, UInt64, UInt64, UInt64)

extension RocksCatalog: BlockIndex {
    /// Look-ups that go to RocksDB in one call: enough to share the walk through the levels, few enough to stay in cache.
    private static var batchMax: Int { 256 }

    /// Positions of the fingerprints that the index does not know.
    public func missing(of fingerprints: [Fingerprint]) throws(CatalogError) -> [Int] {
        var isKnown = [Bool](repeating: false, count: fingerprints.count)
        try lookUp(fingerprints) { index, _ in isKnown[index] = true }
        return fingerprints.indices.filter { !isKnown[$0] }
    }

    /// The places of blocks.
    public func locate(_ fingerprints: [Fingerprint]) throws(CatalogError) -> [BlockIndexValue?] {
        var values = [BlockIndexValue?](repeating: nil, count: fingerprints.count)
        var isDamaged = false
        try lookUp(fingerprints) { index, value in
            values[index] = value
            isDamaged = isDamaged || value == nil
        }
        if isDamaged { throw .malformed(record: "block index", offset: 0, reason: "a value of another length") }
        return values
    }

    /// The place of one block.
    public func locate(_ fingerprint: Fingerprint) throws(CatalogError) -> BlockIndexValue? {
        guard let bytes = try unsafe get(fingerprint.keyBytes, blockFamily) else { return nil }
        guard let value = BlockIndexValue(bytes: bytes) else {
            throw .malformed(record: "block index", offset: 0, reason: "a value of \(bytes.count) bytes")
        }
        return value
    }

    /// Makes durable blocks known.
    public func publish(_ entries: [BlockIndexEntry]) throws(CatalogError) {
        try commit([], index: entries, checkpoint: nil)
    }

    /// Forgets blocks.
    public func withdraw(_ fingerprints: [Fingerprint]) throws(CatalogError) {
        let batch = try RocksBatch(path: path)
        for fingerprint in fingerprints { unsafe batch.delete(fingerprint.keyBytes, blockFamily) }
        try write(batch)
        indexWithdrawals.add(1, ordering: .sequentiallyConsistent)
    }

    /// Visits all entries in the order of fingerprints.
    public func visitEntries(_ visit: (BlockIndexEntry) throws(CatalogError) -> VisitStep) throws(CatalogError) {
        try unsafe scan(blockFamily, prefix: [], from: nil) { (key, value) throws(CatalogError) in
            guard key.count == Fingerprint.byteCount, let place = BlockIndexValue(bytes: value) else {
                throw .malformed(record: "block index", offset: 0, reason: "a row of another length")
            }
            return try visit(BlockIndexEntry(Fingerprint(keyBytes: key), place))
        }
    }

    /// Looks fingerprints up in sorted batches and calls `found` with the position and the value of those that are
    /// known; the value is nil when its length is wrong.
    private func lookUp(_ fingerprints: [Fingerprint], _ found: (Int, BlockIndexValue?) -> Void) throws(CatalogError) {
        let order = fingerprints.indices.sorted { fingerprints[$0] < fingerprints[$1] }
        var start = 0
        while start < order.count {
            let end = min(order.count, start + Self.batchMax)
            try lookUp(order[start..<end], of: fingerprints, found)
            start = end
        }
    }

    private func lookUp(
        _ order: ArraySlice<Int>, of fingerprints: [Fingerprint], _ found: (Int, BlockIndexValue?) -> Void
    ) throws(CatalogError) {
        let count = order.count
        let keys: [KeyWords] = order.map { index in
            let key = fingerprints[index]
            return (key.word0.bigEndian, key.word1.bigEndian, key.word2.bigEndian, key.word3.bigEndian)
        }
        let lengths = [Int](repeating: Fingerprint.byteCount, count: count)
        var values = unsafe [OpaquePointer?](repeating: nil, count: count)
        var failures = unsafe [UnsafeMutablePointer<CChar>?](repeating: nil, count: count)
        unsafe keys.withUnsafeBytes { keys in
            guard let first = unsafe keys.assumingMemoryBound(to: CChar.self).baseAddress else { return }
            let addresses = unsafe (0..<count).map { (index: Int) -> UnsafePointer<CChar>? in
                unsafe first + index * Fingerprint.byteCount
            }
            unsafe rocksdb_batched_multi_get_cf(
                database, configuration.read.pointer, blockFamily, count, addresses, lengths, &values, &failures, true)
        }
        var message: String?
        for (place, index) in order.enumerated() {
            if let failure = unsafe failures[place] {
                unsafe message = String(cString: failure)
                unsafe free(failure)
            }
            guard let slice = unsafe values[place] else { continue }
            var length = 0
            let bytes = unsafe rocksdb_pinnableslice_value(slice, &length)
            unsafe found(index, BlockIndexValue(bytes: UnsafeRawBufferPointer(start: bytes, count: length)))
            unsafe rocksdb_pinnableslice_destroy(slice)
        }
        if let message { throw CatalogError(rocksDB: message, path: path, operation: "look-up") }
    }
}

extension BlockIndexValue {
    /// The words as they stand in the index; nil when the length is another.
    fileprivate init?(bytes: some RandomAccessCollection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for byte in bytes {
            words = (
                words.0 << 8 | words.1 >> 56, words.1 << 8 | words.2 >> 56, words.2 << 8 | words.3 >> 56,
                words.3 << 8 | UInt64(byte)
            )
        }
        self.init(words.0, words.1, words.2, words.3)
    }
}

extension Fingerprint {
    /// The digest's bytes.
    fileprivate var keyBytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for word in [word0, word1, word2, word3] { bytes.append(bigEndian: word) }
        return bytes
    }

    /// The digest of 32 bytes.
    fileprivate init(keyBytes: [UInt8]) {
        self.init(
            keyBytes.bigEndian(at: 0), keyBytes.bigEndian(at: 8), keyBytes.bigEndian(at: 16), keyBytes.bigEndian(at: 24)
        )
    }
}

extension RocksBatch {
    /// Adds an entry of the block index. Key and value are made on the stack: this runs for every block.
    func put(_ entry: BlockIndexEntry, _ family: OpaquePointer) {
        let key = entry.fingerprint
        let row = (
            key.word0.bigEndian, key.word1.bigEndian, key.word2.bigEndian, key.word3.bigEndian,
            entry.value.word0.bigEndian, entry.value.word1.bigEndian, entry.value.word2.bigEndian,
            entry.value.word3.bigEndian
        )
        unsafe withUnsafeBytes(of: row) { bytes in
            guard let address = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress else { return }
            unsafe rocksdb_writebatch_put_cf(
                resource.pointer, family, address, Fingerprint.byteCount, address + Fingerprint.byteCount,
                BlockIndexValue.byteCount)
        }
    }
}
