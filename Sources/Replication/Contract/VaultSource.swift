internal import Blocks
internal import Catalog
internal import NIOCore
public import Objects
public import Vaults

/// A vault as the source of a migration: the current version of every name, read block by block, each block proven.
public final class VaultSource: ReplicationSource {
    private let vault: VaultReader
    private let moment: UInt64?

    /// The source that `vault` is; with `moment` (nanoseconds since 1970 UTC) as the cloud stood then.
    public init(_ vault: VaultReader, asOf moment: UInt64? = nil) {
        self.vault = vault
        self.moment = moment
    }

    /// The vault's id.
    public var id: String { vault.about.idText }

    /// See ``ReplicationSource/lineCipher``.
    public var lineCipher: LineCipher? { vault.lineCipher }

    /// See ``ReplicationSource/versions(after:limit:)``.
    public func versions(after name: ObjectName?, limit: Int) async throws -> [SourceVersion] {
        var records: [VersionRecord] = []
        try vault.catalog.visitLive(startingAt: name, asOf: moment, includingTombstones: true) { version in
            if version.name == name { return .next }
            records.append(version)
            return records.count < limit ? .next : .stop
        }
        return try records.map(sourceVersion)
    }

    /// See ``ReplicationSource/open(_:)``. A version that is no longer current since it was listed is an error.
    public func open(_ version: SourceVersion) async throws -> any ContentReader {
        guard let record = try vault.catalog.current(version.name, asOf: moment), record.kind == .object,
            record.etag == version.etag, record.size == version.size
        else { throw VaultError.noSuchObject(version.name.url) }
        return VaultContentReader(vault: vault, version: record)
    }

    private func sourceVersion(_ record: VersionRecord) throws -> SourceVersion {
        let isTombstone = record.kind == .tombstone
        return SourceVersion(
            name: record.name, versionID: record.versionID, isTombstone: isTombstone, state: record.state,
            size: record.size, etag: record.etag, content: isTombstone ? nil : try content(of: record),
            metadata: record.metadata, partSizes: record.partSizes ?? [], digests: record.digests.map(\.digest),
            gaps: record.gaps)
    }

    /// Digest of the manifest: equal manifests are equal bytes. Content on another grid counts as other content, which
    /// costs an upload, never a wrong copy.
    private func content(of record: VersionRecord) throws -> ContentIdentity? {
        guard record.state.isGood, let size = record.size else { return nil }
        var digest = try StreamDigest(.sha256)
        var row: [UInt8] = []
        func add(_ number: UInt64) {
            for shift in stride(from: 56, through: 0, by: -8) {
                row.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
            }
        }
        add(size)
        try vault.catalog.visitExtents(of: record) { extent in
            add(extent.offset)
            add(UInt64(extent.length))
            extent.fingerprint.append(to: &row)
            unsafe digest.update(row.span.bytes)
            row.removeAll(keepingCapacity: true)
            return .next
        }
        unsafe digest.update(row.span.bytes)
        return ContentIdentity(digest.finalize())
    }
}

/// The bytes of one version of a vault.
private struct VaultContentReader: ContentReader {
    let vault: VaultReader
    let version: VersionRecord

    func read(_ range: Range<UInt64>, into buffer: inout ByteBuffer) async throws {
        let count = Int(range.upperBound - range.lowerBound)
        _ = unsafe try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
            var bytes = unsafe MutableRawSpan(_unsafeBytes: room)
            try vault.read(version, in: range, into: &bytes)
            return count
        }
    }
}
