import ArgumentParser
import Catalog
import Objects
import Vaults

/// `oxbow coverage`.
struct CoverageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coverage",
        abstract: "Shows how much of what the cloud holds the vault holds too, and what is missing and why.",
        discussion: """
            By bucket: objects in each state, bytes held, bytes missing by cause, and objects that the cloud spoke of \
            (listings, descriptions) which the vault does not hold.
            """)

    @OptionGroup var vault: VaultOptions

    @Flag(help: "Print one JSON object a line, one for each bucket.")
    var json = false

    @Flag(help: "Name every object that was seen but is not held.")
    var missing = false

    func run() throws {
        let reader = try vault.openForReading()
        var buckets: [BucketName: BucketCoverage] = [:]
        try reader.visitCurrent { version in
            buckets[BucketName(version.name), default: BucketCoverage(BucketName(version.name))].add(version)
        }
        var notHeld: [EvidenceRecord] = []
        try reader.visitNotHeld { evidence in
            let bucket = BucketName(evidence.name)
            buckets[bucket, default: BucketCoverage(bucket)].add(evidence)
            if missing { notHeld.append(evidence) }
        }
        let sorted = buckets.values.sorted { $0.bucket < $1.bucket }
        for bucket in sorted {
            if json { try JSONLine.print(bucket) } else { try bucket.print() }
        }
        for evidence in notHeld where !json {
            try Terminal.print(
                "not held: \(evidence.name.url), \(evidence.size.map { "\($0) bytes" } ?? "size not stated")")
        }
        if sorted.isEmpty && !json { try Terminal.print("nothing is held, and nothing was seen") }
    }
}

/// A bucket of an endpoint.
struct BucketName: Hashable, Comparable {
    var cloud: Cloud
    var endpoint: String
    var bucket: String

    init(_ name: ObjectName) {
        cloud = name.cloud
        endpoint = name.endpoint
        bucket = name.bucket
    }

    static func < (earlier: BucketName, later: BucketName) -> Bool {
        (earlier.cloud, earlier.endpoint, earlier.bucket) < (later.cloud, later.endpoint, later.bucket)
    }
}

/// What is held of a bucket.
struct BucketCoverage: Encodable {
    let bucket: BucketName
    private var objects: [String: Int] = [:]
    private var bytesHeld: UInt64 = 0
    private var bytesMissing: [String: UInt64] = [:]
    private var openGaps = 0
    private var notHeldObjects = 0
    private var notHeldBytes: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case cloud, endpoint, bucket, objects
        case bytesHeld = "bytes_held"
        case bytesMissing = "bytes_missing"
        case openGaps = "gaps_of_unknown_length"
        case notHeldObjects = "not_held_objects"
        case notHeldBytes = "not_held_bytes"
    }

    init(_ bucket: BucketName) { self.bucket = bucket }

    mutating func add(_ version: VersionRecord) {
        objects[version.state.rawValue, default: 0] += 1
        var missing: UInt64 = 0
        for gap in version.gaps {
            guard let length = gap.length else {
                openGaps += 1
                continue
            }
            bytesMissing[gap.cause.rawValue, default: 0] += length
            missing += length
        }
        bytesHeld +=
            (version.size ?? version.holdings.covered.end) - min(missing, version.size ?? version.holdings.covered.end)
    }

    mutating func add(_ evidence: EvidenceRecord) {
        notHeldObjects += 1
        notHeldBytes += evidence.size ?? 0
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(bucket.cloud.rawValue, forKey: .cloud)
        try container.encode(bucket.endpoint, forKey: .endpoint)
        try container.encode(bucket.bucket, forKey: .bucket)
        try container.encode(objects, forKey: .objects)
        try container.encode(bytesHeld, forKey: .bytesHeld)
        try container.encode(bytesMissing, forKey: .bytesMissing)
        try container.encode(openGaps, forKey: .openGaps)
        try container.encode(notHeldObjects, forKey: .notHeldObjects)
        try container.encode(notHeldBytes, forKey: .notHeldBytes)
    }

    func print() throws {
        try Terminal.print(
            "\(bucket.cloud.rawValue)://\(bucket.endpoint)\(bucket.cloud == .http ? "" : "/\(bucket.bucket)")")
        let states = ObjectState.allCases.compactMap { state in
            objects[state.rawValue].map { "\($0) \(state.rawValue)" }
        }
        try Terminal.print("  objects   \(states.isEmpty ? "none" : states.joined(separator: ", "))")
        try Terminal.print("  held      \(ByteText.text(bytesHeld))")
        for (cause, bytes) in bytesMissing.sorted(by: { $0.key < $1.key }) {
            try Terminal.print("  missing   \(ByteText.text(bytes)) \(cause)")
        }
        if openGaps > 0 { try Terminal.print("  missing   \(openGaps) gaps of unknown length") }
        if notHeldObjects > 0 {
            try Terminal.print(
                "  not held  \(notHeldObjects) objects that the cloud spoke of, \(ByteText.text(notHeldBytes))")
        }
    }
}
