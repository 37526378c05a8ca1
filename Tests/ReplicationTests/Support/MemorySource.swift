import NIOCore
import Objects
import Replication
@testable import S3
import Synchronization

/// A vault in memory: versions in name order, bytes given or generated, with blocks that can be bad.
final class MemorySource: ReplicationSource {
    struct Item: Sendable {
        var version: SourceVersion
        var bytes: Bytes
    }

    enum Bytes: Sendable {
        case held([UInt8])
        /// Pseudo-random bytes of a seed, made as they are read.
        case generated(seed: UInt64, size: UInt64)
    }

    struct BadBlock: Error, CustomStringConvertible {
        var description: String { "block 7 fails its fingerprint" }
    }

    let id: String
    private let items: Mutex<[ObjectName: Item]>
    private let badNames: Mutex<Set<ObjectName>> = Mutex([])
    /// Bytes read so far.
    let bytesRead = Mutex<UInt64>(0)
    private let largestRead = Mutex<Int>(0)
    private let onRead: @Sendable () -> Void

    init(id: String = "vault-1", _ items: [Item] = [], onRead: @escaping @Sendable () -> Void = {}) {
        self.id = id
        self.items = Mutex(Dictionary(items.map { ($0.version.name, $0) }) { _, last in last })
        self.onRead = onRead
    }

    func put(_ item: Item) { items.withLock { $0[item.version.name] = item } }

    func spoil(_ name: ObjectName) { badNames.withLock { _ = $0.insert(name) } }

    func versions(after name: ObjectName?, limit: Int) async throws -> [SourceVersion] {
        items.withLock { items in
            let sorted = items.values.map(\.version).sorted { $0.name < $1.name }
            return Array(sorted.drop { version in name.map { version.name <= $0 } ?? false }.prefix(limit))
        }
    }

    func open(_ version: SourceVersion) async throws -> any ContentReader {
        let item = items.withLock { $0[version.name] }
        return Reader(source: self, name: version.name, bytes: item?.bytes ?? .held([]))
    }

    struct Reader: ContentReader {
        let source: MemorySource
        let name: ObjectName
        let bytes: Bytes

        func read(_ range: Range<UInt64>, into buffer: inout ByteBuffer) async throws {
            source.onRead()
            if source.badNames.withLock({ $0.contains(name) }) { throw BadBlock() }
            source.bytesRead.withLock { $0 += UInt64(range.count) }
            buffer.writeBytes(bytes.slice(range))
        }
    }
}

extension MemorySource.Bytes {
    var size: UInt64 {
        switch self {
        case .held(let bytes): UInt64(bytes.count)
        case .generated(_, let size): size
        }
    }

    func slice(_ range: Range<UInt64>) -> [UInt8] {
        switch self {
        case .held(let bytes): Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
        case .generated(let seed, _): Self.generate(seed, range)
        }
    }

    var all: [UInt8] { slice(0..<size) }

    /// Eight bytes for each multiple of eight, by SplitMix64 of the place: any range can be made by itself.
    private static func generate(_ seed: UInt64, _ range: Range<UInt64>) -> [UInt8] {
        let first = range.lowerBound / 8
        let last = (range.upperBound + 7) / 8
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(last - first) * 8)
        for word in first..<max(first, last) {
            var value = (seed &+ word) &* 0x9E37_79B9_7F4A_7C15
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            value ^= value >> 31
            withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
        }
        let skip = Int(range.lowerBound - first * 8)
        return Array(bytes[skip..<skip + range.count])
    }
}

extension MemorySource.Item {
    /// An item of a bucket `b` of the old cloud, whose content identity is that of its bytes.
    static func object(
        _ key: String, _ bytes: MemorySource.Bytes, bucket: String = "b", parts: [UInt64] = [], etag: String? = nil,
        state: ObjectState = .complete, metadata: ObjectMetadata = ObjectMetadata(), digests: [StatedDigest] = [],
        gaps: [Gap] = []
    ) -> Self {
        Self.object(
            ObjectKey(key), bytes, bucket: bucket, parts: parts, etag: etag, state: state, metadata: metadata,
            digests: digests, gaps: gaps)
    }

    static func object(
        _ key: ObjectKey, _ bytes: MemorySource.Bytes, bucket: String = "b", parts: [UInt64] = [],
        etag: String? = nil, state: ObjectState = .complete, metadata: ObjectMetadata = ObjectMetadata(),
        digests: [StatedDigest] = [], gaps: [Gap] = []
    ) -> Self {
        let identity: [UInt8] =
            switch bytes {
            case .held(let bytes): PayloadDigests(of: bytes).sha256
            case .generated(let seed, let size): PayloadDigests(of: Array("\(seed)/\(size)".utf8)).sha256
            }
        return Self(
            version: SourceVersion(
                name: ObjectName(cloud: .s3, endpoint: "s3.old.example", bucket: bucket, key: key), state: state,
                size: bytes.size, etag: etag, content: ContentIdentity(identity), metadata: metadata,
                partSizes: parts, digests: digests, gaps: gaps),
            bytes: bytes)
    }

    static func tombstone(_ key: String, bucket: String = "b") -> Self {
        Self(
            version: SourceVersion(
                name: ObjectName(cloud: .s3, endpoint: "s3.old.example", bucket: bucket, key: ObjectKey(key)),
                isTombstone: true, state: .complete, size: nil),
            bytes: .held([]))
    }

    static func text(_ key: String, _ text: String, bucket: String = "b") -> Self {
        .object(key, .held(Array(text.utf8)), bucket: bucket)
    }
}
