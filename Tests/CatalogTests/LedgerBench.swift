import Blocks
import Catalog
import Objects

/// A cloud, a tap and a vault in memory: makes transfers of real bytes, applies events, reads versions back.
final class LedgerBench {
    let catalog = MemoryCatalog()
    var ledger: Ledger<MemoryCatalog>
    var blocks: [Fingerprint: [UInt8]] = [:]
    let blockSize: Int
    /// What the hasher says of the payload of each transfer without a gap.
    var md5: MD5Value?
    private var transfers: UInt64 = 0

    init(blockSize: Int = 16, limits: LedgerLimits = LedgerLimits()) {
        self.blockSize = blockSize
        ledger = Ledger(store: catalog, blockSize: blockSize, limits: limits)
    }

    /// Stores a block and returns its fingerprint: four mixes of the bytes, good enough for a test.
    func store(_ bytes: [UInt8]) -> Fingerprint {
        var words: [UInt64] = [1, 2, 3, 4]
        for index in words.indices {
            for byte in bytes { words[index] = (words[index] ^ UInt64(byte)) &* 0x100_0000_01b3 &+ UInt64(index) }
            words[index] = words[index] &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(bytes.count)
        }
        let fingerprint = Fingerprint(words[0], words[1], words[2], words[3])
        blocks[fingerprint] = bytes
        return fingerprint
    }

    /// A transfer of `bytes` that stand at `offset` of the object, without the `missing` ranges of it.
    func transfer(
        _ bytes: [UInt8], at offset: Int = 0, missing: [(Range<Int>, GapCause)] = [], end: GapCause? = nil
    ) -> TransferID {
        transfers += 1
        let id = TransferID(transfers)
        ledger.open(id, TransferPlan(objectOffset: UInt64(offset), expectedLength: UInt64(bytes.count)))
        var position = 0
        while position < bytes.count {
            if let (gap, cause) = missing.first(where: { $0.0.contains(position) }) {
                ledger.gap(id, at: UInt64(position), length: UInt64(gap.upperBound - position), cause: cause)
                position = gap.upperBound
                continue
            }
            var stop = min(bytes.count, position + blockSize - (offset + position) % blockSize)
            for (gap, _) in missing where gap.lowerBound > position { stop = min(stop, gap.lowerBound) }
            let block = Array(bytes[position..<stop])
            ledger.add(
                Extent(offset: UInt64(position), length: UInt32(block.count), fingerprint: store(block)),
                to: id)
            position = stop
        }
        let digest = md5.map { TransferDigest(md5: $0, byteCount: UInt64(bytes.count)) }
        ledger.close(
            id, TransferEnd(length: UInt64(bytes.count), cause: end),
            digest: missing.isEmpty && end == nil ? digest : nil)
        return id
    }

    /// Hands the ledger's changes to the catalog and returns them.
    @discardableResult
    func commit() throws -> [CatalogMutation] {
        let mutations = ledger.takeMutations()
        try catalog.commit(mutations, index: [], checkpoint: nil)
        ledger.committed()
        return mutations
    }

    /// The bytes held of a version; nil where nothing is held.
    func bytes(of version: VersionRecord) throws -> [UInt8?] {
        let length = Int(version.size ?? version.holdings.covered.end)
        var bytes = [UInt8?](repeating: nil, count: length)
        for piece in try ledger.pieces(of: version, in: 0..<UInt64(length)) {
            guard let block = blocks[piece.fingerprint] else { continue }
            for index in 0..<Int(piece.length) {
                bytes[Int(piece.offset) + index] = block[Int(piece.skip) + index]
            }
        }
        return bytes
    }

    /// Carries out all regrid work.
    func regrid() throws {
        while true {
            let work = try ledger.takeRegridWork(max: 3)
            if work.isEmpty { return }
            for item in work {
                var bytes: [UInt8] = []
                for piece in item.pieces {
                    let block = blocks[piece.fingerprint] ?? []
                    bytes += block[Int(piece.skip)..<Int(piece.skip + piece.length)]
                }
                let extent = Extent(offset: item.offset, length: item.length, fingerprint: store(bytes))
                _ = try ledger.replaceExtents(of: item.version, revision: item.revision, with: extent)
            }
        }
    }

    func live(_ scope: NameScope = NameScope()) throws -> [VersionRecord] {
        var live: [VersionRecord] = []
        try ledger.visitLive(in: scope) { version in
            live.append(version)
            return .next
        }
        return live
    }
}

/// Seconds to nanoseconds.
func seconds(_ value: Double) -> UInt64 { UInt64(value * 1e9) }

/// An observation at `time` seconds.
func at(_ time: Double, since first: Double? = nil) -> Observation {
    Observation(
        time: seconds(time), firstTime: seconds(first ?? time), packet: UInt64(time * 10),
        flow: "10.0.0.1:40000 > 10.0.0.2:80")
}

func object(_ key: String, bucket: String = "bucket") -> ObjectName {
    ObjectName(cloud: .s3, endpoint: "s3.example.com", bucket: bucket, key: ObjectKey(key))
}

/// Bytes that differ by `seed`, of any length.
func content(_ seed: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 5) ^ (seed &* 101) &+ seed) }
}

extension LedgerBench {
    @discardableResult
    func put(
        _ name: ObjectName, _ bytes: [UInt8], _ time: Double, etag: String? = nil, versionID: String? = nil,
        missing: [(Range<Int>, GapCause)] = [], end: GapCause? = nil, size: UInt64?? = .none,
        digests: [StatedDigest] = [], metadata: ObjectMetadata = ObjectMetadata()
    ) throws -> VersionRecord? {
        let id = transfer(bytes, missing: missing, end: end)
        let length: UInt64? = if case .some(let given) = size { given } else { UInt64(bytes.count) }
        try ledger.apply(
            .stored(
                StoredEvent(
                    name: name, transfer: id, size: length, etag: etag, versionID: versionID, metadata: metadata,
                    digests: digests, seen: at(time))))
        return try ledger.current(name)
    }

    func read(
        _ name: ObjectName, _ bytes: [UInt8], _ time: Double, range: Range<Int>? = nil, etag: String? = nil,
        versionID: String? = nil, modified: Int64? = nil, missing: [(Range<Int>, GapCause)] = []
    ) throws {
        let range = range ?? 0..<bytes.count
        let id = transfer(Array(bytes[range]), at: range.lowerBound, missing: missing)
        var metadata = ObjectMetadata()
        metadata.lastModified = modified
        try ledger.apply(
            .read(
                ReadEvent(
                    name: name, transfer: id, offset: UInt64(range.lowerBound), objectSize: UInt64(bytes.count),
                    etag: etag, versionID: versionID, metadata: metadata, seen: at(time))))
    }

    func delete(
        _ name: ObjectName, _ time: Double, versionID: String? = nil, marker: String? = nil, removedMarker: Bool = false
    ) throws {
        try ledger.apply(
            .deleted(
                DeletedEvent(
                    name: name, versionID: versionID, markerVersionID: marker, removedMarker: removedMarker,
                    seen: at(time))))
    }

    func part(
        _ name: ObjectName, _ upload: String, _ number: Int, _ bytes: [UInt8], _ time: Double, etag: String? = nil,
        size: UInt64?? = .none, missing: [(Range<Int>, GapCause)] = []
    ) throws {
        let id = transfer(bytes, missing: missing)
        let length: UInt64? = if case .some(let given) = size { given } else { UInt64(bytes.count) }
        try ledger.apply(
            .partStored(
                PartStoredEvent(
                    name: name, uploadID: upload, partNumber: number, transfer: id, size: length,
                    etag: etag ?? "part-\(number)", seen: at(time))))
    }

    func complete(
        _ name: ObjectName, _ upload: String, _ parts: [Int]?, _ time: Double, etag: String = "whole",
        etags: [Int: String] = [:]
    ) throws {
        let listed = parts?.map { UploadCompletedEvent.Part(number: $0, etag: etags[$0] ?? "part-\($0)") }
        try ledger.apply(
            .uploadCompleted(
                UploadCompletedEvent(name: name, uploadID: upload, parts: listed, etag: etag, seen: at(time))))
    }

    func copy(
        _ source: ObjectName, to target: ObjectName, _ time: Double, etag: String? = nil, sourceVersionID: String? = nil
    ) throws {
        try ledger.apply(
            .copied(
                CopiedEvent(
                    source: source, sourceVersionID: sourceVersionID, target: target, etag: etag, seen: at(time))))
    }

    func describe(_ name: ObjectName, _ time: Double, size: UInt64?, etag: String?, isAbsent: Bool = false) throws {
        try ledger.apply(
            .described(DescribedEvent(name: name, size: size, etag: etag, isAbsent: isAbsent, seen: at(time))))
    }

    func list(_ entries: [ListedEvent.Entry], _ time: Double) throws {
        try ledger.apply(.listed(ListedEvent(entries: entries, seen: at(time))))
    }
}
