public import Catalog
public import Objects

/// A deleted object that can become live again: what retention and collection have not taken yet.
public struct Undeletion: Sendable {
    /// The newest version with bytes, which becomes current again.
    public var version: VersionRecord
    /// When the cloud deleted it, nanoseconds since 1970 UTC.
    public var deletedAt: UInt64

    /// An undeletion of its parts.
    public init(version: VersionRecord, deletedAt: UInt64) {
        self.version = version
        self.deletedAt = deletedAt
    }
}

extension VaultReader {
    /// What undeleting `name` would bring back; nil for a name that is live, and for one of which no version is kept.
    public func undeletion(of name: ObjectName) throws(VaultError) -> Undeletion? {
        let versions = try asVaultError { () throws(CatalogError) in try catalog.versions(of: name) }
        let current = versions.first(where: \.isPresent)
        guard current?.kind != .object, let version = versions.first(where: { $0.kind == .object }) else { return nil }
        // A tombstone on top of it, or the removal of the version itself: what came first ended it.
        let ends = [version.removedAt, versions.last { $0.kind == .tombstone && $0.time > version.time }?.time]
        return Undeletion(version: version, deletedAt: ends.compactMap(\.self).min() ?? version.time)
    }

    /// Calls `visit` with every object that was deleted at `time` or later (nil: ever) and can be brought back, in the order
    /// of names.
    public func visitUndeletions(since time: UInt64? = nil, _ visit: (Undeletion) throws -> Void) throws {
        var next: [UInt8]?
        repeat {
            // In batches, so that `visit` may query the catalog and throw what it likes.
            var names: [ObjectName] = []
            let start = next
            next = nil
            try catalog.scan(.names, prefix: [], from: start) { (key, _) throws(CatalogError) in
                guard names.count < 256 else {
                    next = key
                    return .stop
                }
                names.append(try CatalogKey.name(decoding: key))
                return .next
            }
            for name in names {
                guard let found = try undeletion(of: name), found.deletedAt >= time ?? 0 else { continue }
                try visit(found)
            }
        } while next != nil
    }

    /// What was current at `time` and is kept no longer, in the order of names, as far as the histories go back.
    public func visitForgotten(asOf time: UInt64, _ visit: (ForgottenVersion) throws -> Void) throws {
        var found: [ForgottenVersion] = []
        try catalog.visitForgotten(asOf: time) { version in
            found.append(version)
            return .next
        }
        for version in found { try visit(version) }
    }
}

extension VaultWriter {
    /// Makes a version current again; see `Ledger.restore`. Nil when it is gone. Durable with the next commit.
    public mutating func restore(_ id: VersionID, at time: UInt64) throws(VaultError) -> VersionRecord? {
        do throws(CatalogError) {
            return try ledger.restore(id, at: time)
        } catch {
            throw .catalog(error.description)
        }
    }
}
