internal import Objects
internal import S3

/// A digest of everything about a version that the target is to show: equal revisions need no work.
enum SourceRevision {
    /// The revision of a version. The time of last change is left out: no S3 target can show it.
    static func of(_ version: SourceVersion) -> String {
        var text = Canonical()
        text.add("\(version.size ?? 0)")
        text.add(version.etag ?? "")
        text.add(ByteText.hex(version.content?.bytes ?? []))
        // Without an identity, the version's own id is the only word that the bytes changed.
        if version.content == nil { text.add(version.versionID ?? "") }
        for size in version.partSizes { text.add("\(size)") }
        text.add(version.metadata.headers)
        text.add(version.metadata.user)
        text.add(version.metadata.tags)
        text.add(version.metadata.acl ?? "")
        text.add(version.metadata.storageClass ?? "")
        return ByteText.hex(RunningDigest.of(text.bytes, .sha256).prefix(16))
    }

    /// Texts with their lengths before them, so that no two lists of texts run together.
    private struct Canonical {
        var bytes: [UInt8] = []

        mutating func add(_ text: String) { bytes += Array("\(text.utf8.count):".utf8) + Array(text.utf8) }

        mutating func add(_ table: [String: String]) {
            add("\(table.count)")
            for (name, value) in table.sorted(by: { $0.key < $1.key }) {
                add(name)
                add(value)
            }
        }
    }
}
