import Blocks
import Encryption
import Catalog
import Foundation
import Objects
import Testing

@testable import Vaults

/// Makes batches as the pipeline would, of objects whose bytes are known.
struct Traffic {
    private var transfers: UInt64 = 0
    private var clock: UInt64 = 1_000_000_000

    /// Blocks of all vaults here: small, so that a few kilobytes make several.
    static let blockBytes = 4096

    /// Opens a vault with buffers for a few blocks, which commits only when told to.
    static func openWriter(_ path: String, secret: VaultSecret? = nil) throws -> VaultWriter {
        try VaultWriter(
            path: path, blockSize: BlockSize(bytes: blockBytes), secret: secret,
            durability: Durability(commitBytes: .max, commitNanoseconds: .max), poolBytes: 64 * blockBytes)
    }

    /// An upload of `bytes`, lacking `missing`, in one batch.
    mutating func put(
        _ name: ObjectName, _ bytes: [UInt8], missing: Range<Int>? = nil, digests: [StatedDigest] = [],
        etag: String? = nil, metadata: ObjectMetadata = ObjectMetadata(), into writer: inout VaultWriter
    ) throws {
        transfers += 1
        clock += 1_000_000_000
        let transfer = TransferID(transfers)
        let pool = writer.pool
        var batch = IngestBatch()
        let plan = TransferPlan(expectedLength: UInt64(bytes.count))
        batch.steps.append(.init(blocksBefore: 0, step: .open(transfer, plan)))
        var position = 0
        while position < bytes.count {
            if let missing, missing.contains(position) {
                let step = IngestStep.gap(
                    transfer, offset: UInt64(position), length: UInt64(missing.count), cause: .notCaptured)
                batch.steps.append(.init(blocksBefore: batch.blocks.count, step: step))
                position = missing.upperBound
                continue
            }
            var end = min(bytes.count, position + Self.blockBytes - position % Self.blockBytes)
            if let missing, missing.lowerBound > position { end = min(end, missing.lowerBound) }
            let buffer = try #require(pool.acquire())
            pool.copy(bytes[position..<end].span.bytes, into: buffer, at: 0)
            batch.blocks.append(
                BlockDescriptor(
                    transfer: transfer, offset: UInt64(position), length: UInt32(end - position), buffer: buffer))
            position = end
        }
        try OpenSSLBlockHasher().hash(&batch.blocks, in: pool)
        let stored = StoredEvent(
            name: name, transfer: transfer, size: UInt64(bytes.count), etag: etag, metadata: metadata,
            digests: digests, seen: seen)
        for step in [.close(transfer, TransferEnd(length: UInt64(bytes.count))), IngestStep.event(.stored(stored))] {
            batch.steps.append(.init(blocksBefore: batch.blocks.count, step: step))
        }
        try writer.append(batch)
        pool.release(batch.blocks)
    }

    /// The first half of an upload whose end comes later: its blocks are stored, and no row refers to them.
    mutating func begin(_ bytes: [UInt8], into writer: inout VaultWriter) throws -> TransferID {
        transfers += 1
        let transfer = TransferID(transfers)
        let pool = writer.pool
        var batch = IngestBatch()
        let plan = TransferPlan(expectedLength: UInt64(bytes.count))
        batch.steps.append(.init(blocksBefore: 0, step: .open(transfer, plan)))
        for position in stride(from: 0, to: bytes.count, by: Self.blockBytes) {
            let end = min(bytes.count, position + Self.blockBytes)
            let buffer = try #require(pool.acquire())
            pool.copy(bytes[position..<end].span.bytes, into: buffer, at: 0)
            batch.blocks.append(
                BlockDescriptor(
                    transfer: transfer, offset: UInt64(position), length: UInt32(end - position), buffer: buffer))
        }
        try OpenSSLBlockHasher().hash(&batch.blocks, in: pool)
        try writer.append(batch)
        pool.release(batch.blocks)
        return transfer
    }

    /// The end of an upload that ``begin(_:into:)`` began.
    mutating func end(
        _ transfer: TransferID, _ name: ObjectName, count: Int, into writer: inout VaultWriter
    ) throws {
        clock += 1_000_000_000
        let stored = StoredEvent(name: name, transfer: transfer, size: UInt64(count), seen: seen)
        var batch = IngestBatch()
        for step in [.close(transfer, TransferEnd(length: UInt64(count))), IngestStep.event(.stored(stored))] {
            batch.steps.append(.init(blocksBefore: 0, step: step))
        }
        try writer.append(batch)
    }

    /// A delete that the cloud confirmed.
    mutating func delete(_ name: ObjectName, from writer: inout VaultWriter) throws {
        clock += 1_000_000_000
        var batch = IngestBatch()
        batch.steps.append(.init(blocksBefore: 0, step: .event(.deleted(DeletedEvent(name: name, seen: seen)))))
        try writer.append(batch)
    }

    /// The time of what was seen last, nanoseconds since 1970 UTC.
    var now: UInt64 { clock }

    private var seen: Observation {
        Observation(time: clock, firstTime: clock, packet: transfers, flow: "10.0.0.1:40000 > 10.0.0.2:80")
    }
}

extension VaultWriter {
    /// Checks every version that waits for it, as the pipeline does at the end of a run.
    mutating func checkDigests() throws {
        try commit()
        let reader = try makeReader()
        for id in try pendingVerification(after: nil, max: 100) {
            let version = try #require(try reader.catalog.version(id))
            let plan = try #require(version.verificationPlan)
            try record(try reader.check(plan, of: version))
        }
        try commit()
    }
}

extension VaultReader {
    /// The bytes of a name's current version from first to last.
    func bytes(_ name: ObjectName) throws -> [UInt8] {
        let version = try #require(try catalog.current(name), "\(name.url) is not in the vault")
        return try bytes(of: version, in: 0..<(try #require(version.size)))
    }

    /// The bytes of a range of a version.
    func bytes(of version: VersionRecord, in range: Range<UInt64>) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try visitBytes(of: version, in: range) { piece in piece.withUnsafeBytes { bytes += $0 } }
        return bytes
    }

    /// Everything that the vault says of its objects: the records of all versions, and where the bytes lie.
    func everything() throws -> [String] {
        var lines: [String] = []
        try visitNames { name in
            for version in try catalog.versions(of: name) {
                lines.append("\(version)")
                for extent in try catalog.extents(of: version) {
                    lines.append("\(extent) at \(String(describing: try catalog.locate(extent.fingerprint)))")
                }
            }
            lines += try catalog.history(of: name).map { "\($0)" }
        }
        return lines
    }
}

func object(_ key: String) -> ObjectName {
    ObjectName(cloud: .s3, endpoint: "s3.example.com", bucket: "bucket", key: ObjectKey(key))
}

/// Bytes that differ by `seed`, of any length, without repetition at the length of a block.
func content(_ seed: Int, _ count: Int) -> [UInt8] {
    var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state >> 32)
    }
}

func md5(_ bytes: [UInt8], source: String = "content-md5", isAdvisory: Bool = false) throws -> StatedDigest {
    var digest = try StreamDigest(.md5)
    digest.update(bytes.span.bytes)
    return StatedDigest(algorithm: .md5, value: digest.finalize(), source: source, isAdvisory: isAdvisory)
}

/// Copies a folder with everything in it, as a crash of the process leaves it: what was written is there, and nobody closed
/// anything.
func copyFolder(_ source: String, to target: String) throws {
    try FileManager.default.copyItem(atPath: source, toPath: target)
}

func fileBytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// The segment files of a vault, in order.
func segmentFiles(_ vault: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: vault + "/segments").filter { $0.hasSuffix(".oxs") }.sorted()
        .map { "\(vault)/segments/\($0)" }
}

/// A copy of this error's text, for tests that read it.
func message<Value>(of body: () throws -> Value) -> String {
    do {
        _ = try body()
        return ""
    } catch {
        return String(describing: error)
    }
}
