public import NIOCore
public import Objects
public import Vaults

/// Where a migration reads from: a vault, seen as names with at most one live version each.
///
/// Calls come from several tasks at once, on threads of the migration's own that may block. The enumeration need not be
/// a snapshot: a name that appears while the migration runs is seen or not, and the next run settles it.
public protocol ReplicationSource: Sendable {
    /// Names the vault for ever: the journal of one vault is refused for another.
    var id: String { get }

    /// What journal and report are to be encrypted with; nil for a source in clear.
    var lineCipher: LineCipher? { get }

    /// At most `limit` versions with names greater than `name` (from the first when nil), ascending, one for each name.
    ///
    /// An empty answer ends the enumeration.
    func versions(after name: ObjectName?, limit: Int) async throws -> [SourceVersion]

    /// Opens the bytes of a version that ``versions(after:limit:)`` returned.
    func open(_ version: SourceVersion) async throws -> any ContentReader
}

extension ReplicationSource {
    /// In clear.
    public var lineCipher: LineCipher? { nil }
}

/// The bytes of one version, at any offset and from several tasks at once.
public protocol ContentReader: Sendable {
    /// Appends exactly the bytes of `range` to `buffer`, each verified against its block's fingerprint.
    ///
    /// Throws when a block is missing or bad; nothing of the range may then be trusted.
    func read(_ range: Range<UInt64>, into buffer: inout ByteBuffer) async throws
}
