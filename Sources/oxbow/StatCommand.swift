import ArgumentParser
import Blocks
import Catalog
import Objects
import Vaults

/// `oxbow stat`.
struct StatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat",
        abstract: "Shows everything the vault knows of an object.",
        discussion: "State, size, ETag, digests and what came of checking them, metadata, gaps, times, manifest.")

    @OptionGroup var vault: VaultOptions

    @Argument(help: ObjectSelector.help)
    var name: String

    @OptionGroup var which: VersionOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(help: "Print the manifest too: offset, length and fingerprint of every extent.")
    var manifest = false

    func run() throws {
        let reader = try vault.openForReading()
        let version = try ObjectSelector.version(name, versionID: which.versionID, at: try which.time(), in: reader)
        let extents = manifest ? try reader.catalog.extents(of: version) : []
        if json {
            return try JSONLine.print(
                DetailJSON(version, manifest: manifest ? extents.map(DetailJSON.ExtentJSON.init) : nil))
        }
        for line in lines(of: version) { try Terminal.print(line) }
        for extent in extents {
            try Terminal.print("  \(extent.offset) +\(extent.length) \(String(describing: extent.fingerprint))")
        }
    }

    private func lines(of version: VersionRecord) -> [String] {
        var lines = [version.name.url]
        func add(_ label: String, _ value: String?) {
            if let value { lines.append("  \((label + ":").padding(to: 16)) \(value)") }
        }
        if version.kind == .tombstone {
            add("state", "deleted")
        } else {
            add("state", version.state.rawValue)
            add("size", version.size.map { "\($0) bytes (\(ByteText.text($0)))" } ?? "not stated by the cloud")
        }
        add("etag", version.etag)
        add("version id", version.versionID)
        add("known from", String(describing: version.origin))
        add("made", TimeText.text(version.time))
        add("first packet", TimeText.text(version.firstSeen))
        add("last packet", TimeText.text(version.lastSeen))
        add("extents", version.kind == .tombstone ? nil : "\(version.holdings.extentCount)")
        if !version.parts.isEmpty { add("parts", "\(version.parts.count)") }
        for (header, value) in version.metadata.headers.sorted(by: { $0.key < $1.key }) { add(header, value) }
        for (key, value) in version.metadata.user.sorted(by: { $0.key < $1.key }) { add("meta \(key)", value) }
        for (key, value) in version.metadata.tags.sorted(by: { $0.key < $1.key }) { add("tag \(key)", value) }
        add("storage class", version.metadata.storageClass)
        add("acl", version.metadata.acl)
        for checked in version.digests {
            add("digest", "\(checked.digest.algorithm.rawValue) from \(checked.digest.source): \(checked.outcome)")
        }
        for gap in version.gaps {
            add("gap", "\(gap.offset) +\(gap.length.map(String.init) ?? "to the unknown end"), \(gap.cause.rawValue)")
        }
        for healed in version.healed {
            add("healed", "\(healed.offset) +\(healed.length), had been \(healed.cause.rawValue)")
        }
        return lines
    }
}

/// `stat --json`.
struct DetailJSON: Encodable {
    struct DigestJSON: Encodable {
        var algorithm: String
        var source: String
        var outcome: String
    }

    struct PartJSON: Encodable {
        var number: Int
        var size: UInt64?
        var etag: String?
    }

    struct ExtentJSON: Encodable {
        var offset: UInt64
        var length: UInt32
        var fingerprint: String

        init(_ extent: Extent) {
            offset = extent.offset
            length = extent.length
            fingerprint = String(describing: extent.fingerprint)
        }
    }

    private var object: ObjectJSON
    private var origin: String
    private var firstSeen: String
    private var lastSeen: String
    private var headers: [String: String]
    private var userMetadata: [String: String]
    private var tags: [String: String]
    private var storageClass: String?
    private var digests: [DigestJSON]
    private var parts: [PartJSON]?
    private var manifest: [ExtentJSON]?

    enum CodingKeys: String, CodingKey {
        case origin, headers, tags, digests, parts, manifest
        case firstSeen = "first_seen"
        case lastSeen = "last_seen"
        case userMetadata = "user_metadata"
        case storageClass = "storage_class"
    }

    init(_ version: VersionRecord, manifest: [ExtentJSON]?) {
        object = ObjectJSON(version)
        origin = String(describing: version.origin)
        firstSeen = TimeText.text(version.firstSeen)
        lastSeen = TimeText.text(version.lastSeen)
        headers = version.metadata.headers
        userMetadata = version.metadata.user
        tags = version.metadata.tags
        storageClass = version.metadata.storageClass
        digests = version.digests.map {
            DigestJSON(
                algorithm: $0.digest.algorithm.rawValue, source: $0.digest.source,
                outcome: String(describing: $0.outcome))
        }
        parts =
            version.parts.isEmpty
            ? nil : version.parts.map { PartJSON(number: $0.number, size: $0.size, etag: $0.etag) }
        self.manifest = manifest
    }

    func encode(to encoder: any Encoder) throws {
        // One flat object: the same keys as `ls --json`, and more.
        try object.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(origin, forKey: .origin)
        try container.encode(firstSeen, forKey: .firstSeen)
        try container.encode(lastSeen, forKey: .lastSeen)
        try container.encode(headers, forKey: .headers)
        try container.encode(userMetadata, forKey: .userMetadata)
        try container.encode(tags, forKey: .tags)
        try container.encodeIfPresent(storageClass, forKey: .storageClass)
        try container.encode(digests, forKey: .digests)
        try container.encodeIfPresent(parts, forKey: .parts)
        try container.encodeIfPresent(manifest, forKey: .manifest)
    }
}
