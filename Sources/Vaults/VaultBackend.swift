internal import FoundationEssentials
internal import Glibc
public import Storage

/// Where a vault's sealed segments go besides its folder: what `backend.json` says. A vault without one is all in its
/// folder.
///
/// The file stands beside `vault.json` and belongs to the folder, not to the vault: each folder that writes into one bucket
/// has a writer's number of its own.
public struct VaultBackend: Sendable, Hashable {
    /// When what was taken in counts as stored: shows in listings, is reported.
    public enum Acknowledgement: String, Sendable, CaseIterable, Codable {
        /// When it is durable in the vault's folder.
        case local
        /// When it is durable on the medium.
        case remote
    }

    /// The medium: `s3://BUCKET[/PREFIX][?endpoint=…&region=…&path-style=…]` or `file:DIR`.
    public var url: String
    /// Who this folder is among those that write into the bucket; nil for a folder that only reads.
    public var writer: UInt32?
    /// The number with which this folder begins to count its segments.
    public var firstSequence: UInt32 = 1
    /// When what was taken in counts as stored.
    public var acknowledgement = Acknowledgement.local
    /// Size at which a segment is sealed and goes to the medium, in bytes, 8 to 64 MiB. Default 32 MiB.
    public var segmentBytes: UInt64 = 32 << 20
    /// Age at which a segment is sealed that does not get full, in seconds. Default 60.
    public var sealSeconds: UInt64 = 60
    /// Most bytes of segments that wait in the folder until the medium has them; then the writer waits. Default 4 GiB.
    public var spoolBytes: UInt64 = 4 << 30
    /// Bytes of segments that stay in the folder, for reading, though the medium has them. Default 4 GiB.
    public var cacheBytes: UInt64 = 4 << 30

    /// A backend with the defaults.
    public init(url: String) { self.url = url }

    /// The number before the first that this folder gives; 0 for one that gives none.
    var numberBase: UInt64 {
        writer.map { SegmentNumber(writer: $0, sequence: firstSequence - 1).value } ?? 0
    }

    /// The writer of this name; nil for other text.
    public static func writer(named name: String) -> UInt32? {
        SegmentNumber.writer(named: name).flatMap { $0 > 0 ? $0 : nil }
    }

    /// The writer's name, eight hexadecimal digits; nil for a folder that only reads.
    public var writerName: String? { writer.map(SegmentNumber.name(ofWriter:)) }

    /// True for a folder that only reads what others write.
    public var isView: Bool { writer == nil }

    /// Sizes that segments may have, in bytes.
    public static let segmentBytesRange: ClosedRange<UInt64> = 8 << 20...64 << 20

    /// Checks that the numbers fit together.
    public func check() throws(VaultError) {
        guard Self.segmentBytesRange.contains(segmentBytes) else {
            throw .backend(place: url, reason: "segments of \(segmentBytes) bytes; say 8MiB to 64MiB")
        }
        guard spoolBytes >= 2 * segmentBytes else {
            throw .backend(
                place: url, reason: "a spool of \(spoolBytes) bytes has no room for two segments; say a larger one")
        }
    }

    // MARK: The file

    private struct File: Codable {
        var format: Int
        var url: String
        var writer: String?
        var first_segment: UInt32
        var acknowledge: Acknowledgement
        var segment_bytes: UInt64
        var seal_seconds: UInt64
        var spool_bytes: UInt64
        var cache_bytes: UInt64
    }

    /// Reads the folder's `backend.json`; nil when it has none.
    public init?(reading layout: VaultLayout) throws(VaultError) {
        let bytes: [UInt8]
        do throws(VaultError) {
            bytes = try readWholeFile(layout.backend, limit: 1 << 16)
        } catch {
            switch error {
            case .system(_, _, ENOENT), .system(_, _, ENOTDIR): return nil
            default: throw error
            }
        }
        guard let file = try? JSONDecoder().decode(File.self, from: Data(bytes)), file.format == 1 else {
            throw .damagedDescription(path: layout.backend, reason: "it is not the JSON that this oxbow writes")
        }
        url = file.url
        if let name = file.writer {
            guard let writer = SegmentNumber.writer(named: name), writer > 0 else {
                throw .damagedDescription(path: layout.backend, reason: "\(name) is no writer's number")
            }
            self.writer = writer
        }
        firstSequence = max(1, file.first_segment)
        acknowledgement = file.acknowledge
        segmentBytes = file.segment_bytes
        sealSeconds = file.seal_seconds
        spoolBytes = file.spool_bytes
        cacheBytes = file.cache_bytes
        try check()
    }

    /// Writes `backend.json` atomically and durably.
    func write(to layout: VaultLayout) throws(VaultError) {
        let file = File(
            format: 1, url: url, writer: writer.map(SegmentNumber.name(ofWriter:)),
            first_segment: firstSequence, acknowledge: acknowledgement,
            segment_bytes: segmentBytes, seal_seconds: sealSeconds, spool_bytes: spoolBytes, cache_bytes: cacheBytes)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(file) else {
            throw .damagedDescription(path: layout.backend, reason: "cannot be encoded")
        }
        try writeFileDurably(layout.backend, Array(data) + [UInt8(ascii: "\n")])
    }

    // MARK: The medium

    /// Opens the medium.
    func open() throws(StorageError) -> any SegmentMedium { try SegmentMedia.open(url) }
}

/// What opens media by the scheme of their URL.
///
/// Known to the whole process, since any command may open a vault that has one, and the layers from here to there need
/// know nothing of networks: the program names its media once, before it opens a vault.
public enum SegmentMedia {
    /// Opens the medium of a URL.
    public typealias Opener = @Sendable (_ url: String) throws(StorageError) -> any SegmentMedium

    private static let openers = BackendLock<[String: Opener]>([:])

    /// Names what opens URLs of a scheme.
    public static func register(_ scheme: String, _ opener: @escaping Opener) {
        openers.withLock { $0[scheme] = opener }
    }

    /// Opens a medium. `file:DIR` is known from the beginning.
    public static func open(_ url: String) throws(StorageError) -> any SegmentMedium {
        let scheme = String(url.prefix { $0 != ":" })
        if let opener = openers.withLock({ $0[scheme] }) { return try opener(url) }
        guard scheme == "file", url.utf8.count > 5 else {
            throw .medium(
                operation: "open", place: scheme + ":…",
                reason: "no such kind of backend; say s3://BUCKET/PREFIX?endpoint=URL or file:DIR", isPassing: false)
        }
        return FileMedium(path: String(url.dropFirst(5)))
    }
}
